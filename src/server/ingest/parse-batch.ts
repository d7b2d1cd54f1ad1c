import type { z } from "zod";
import { eventBatch } from "../../bus/index.js";
import { anyEventSchema, buildEventSchema, deploymentEventSchema } from "../../events/index.js";

export type StoredEvent = z.infer<typeof anyEventSchema>;

/** Why an event, or a whole message, is not stored. */
export type DropReason = "malformed" | "oversized" | "identity" | "fenced";

export interface ParsedBatch {
  /** Those to be stored, in the order of the message. */
  readonly events: readonly StoredEvent[];
  readonly dropped: readonly DropReason[];
}

/** A row of the database counts with 32 bits. */
const mostInt = 2 ** 31 - 1;
/** Characters of JSON that an event may have. A batch has at most a MiB. */
const mostText = 256 * 1024;

/** Levels of an event's JSON: what walks through it later does so by recursion. */
const mostDepth = 32;

function isShallow(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  return levels > 0 && Object.values(value).every((inner) => isShallow(inner, levels - 1));
}

const schemas = new Map<string, z.ZodType>([
  ...options(deploymentEventSchema.options, deploymentEventSchema),
  ...options(buildEventSchema.options, buildEventSchema),
]);

function options(
  variants: readonly { readonly shape: { readonly type: { readonly value: string } } }[],
  schema: z.ZodType,
): [string, z.ZodType][] {
  return variants.map((variant) => [variant.shape.type.value, schema]);
}

/**
 * Reads a message of EVENTS or LOGS. What comes from the bus is hostile until it was looked at: whose it is must agree with the
 * subject, which the bus has checked. Types that are not known here pass, as the agent may be newer; so do fields that are not
 * known. Never throws.
 */
export function parseBatch(
  body: unknown,
  from: { readonly agent: string; readonly deployment: string },
): ParsedBatch {
  const batch = eventBatch.safeParse(body);
  if (!batch.success) return { events: [], dropped: ["malformed"] };
  const events: StoredEvent[] = [];
  const dropped: DropReason[] = [];
  for (const value of batch.data.events) {
    const event = parseEvent(value, from);
    if (typeof event === "string") dropped.push(event);
    else events.push(event);
  }
  return { events, dropped };
}

function parseEvent(
  value: unknown,
  { agent, deployment }: { readonly agent: string; readonly deployment: string },
): StoredEvent | DropReason {
  const parsed = anyEventSchema.safeParse(value);
  if (!parsed.success) return "malformed";
  const event = parsed.data;
  if (event.agent !== agent || event.deployment !== deployment) return "identity";
  if (event.seq > mostInt || event.attempt > mostInt || !isShallow(value, mostDepth)) return "malformed";
  const known = schemas.get(event.type)?.safeParse(value);
  if (known && !known.success && known.error.issues.some(({ code }) => code !== "unrecognized_keys"))
    return "malformed";
  return event;
}

/**
 * The event as text that the database takes: Postgres stores neither NUL nor half of a surrogate pair in jsonb. Null when it is
 * too large.
 */
export function storableJson(event: StoredEvent): string | null {
  const text = JSON.stringify(event);
  if (text.length > mostText) return null;
  return unstorable.test(text) ? JSON.stringify(event, (_key, value) => storableValue(value)) : text;
}

const unstorable = /\\u(0000|d[89a-f])/;

function storableValue(value: unknown): unknown {
  if (typeof value === "string") return storableText(value);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [storableText(key), inner]));
}

const storableText = (text: string): string => Buffer.from(text.replaceAll("\u0000", "\ufffd")).toString();
