import type { z } from "zod";
import type { IncomingEvent } from "../../bus/index.js";
import { buildEventSchema, deploymentEventSchema } from "../../events/index.js";

/** Why an event is not stored. */
export type DropReason = "malformed" | "oversized" | "fenced";

/** A row of the database counts with 32 bits. */
const mostInt = 2 ** 31 - 1;
/** Characters of JSON that an event may have. */
const mostText = 256 * 1024;
/** Levels of an event's JSON: what walks through it later does so by recursion. */
const mostDepth = 32;

const schemas = new Map<string, z.ZodType>([
  ...byType(deploymentEventSchema.options, deploymentEventSchema),
  ...byType(buildEventSchema.options, buildEventSchema),
]);

function byType(
  variants: readonly { readonly shape: { readonly type: { readonly value: string } } }[],
  schema: z.ZodType,
): [string, z.ZodType][] {
  return variants.map((variant) => [variant.shape.type.value, schema]);
}

/**
 * Looks at an event whose envelope the bus has looked at: is it what its type promises? Types that are not known here pass, as the
 * agent may be newer; so do fields that are not known. Never throws.
 */
export function checkEvent(event: IncomingEvent): DropReason | undefined {
  if (event.seq > mostInt || event.attempt > mostInt || !isShallow(event, mostDepth)) return "malformed";
  const known = schemas.get(event.type)?.safeParse(event);
  return known && !known.success && known.error.issues.some(({ code }) => code !== "unrecognized_keys")
    ? "malformed"
    : undefined;
}

function isShallow(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return true;
  return levels > 0 && Object.values(value).every((inner) => isShallow(inner, levels - 1));
}

/**
 * The event as text that the database takes: Postgres stores neither NUL nor half of a surrogate pair in jsonb. Null when it is
 * too large.
 */
export function storableJson(event: IncomingEvent): string | null {
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
