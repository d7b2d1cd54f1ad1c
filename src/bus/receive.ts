import type { Msg } from "nats";
import type { z } from "zod";
import { GalleyError } from "../errors/index.js";

/**
 * The body of a plain message as `schema` wants it.
 * @param most bytes.
 * @throws `bus_message_invalid`.
 */
export function parseBody<T>(message: Pick<Msg, "data">, schema: z.ZodType<T>, most: number): T {
  if (message.data.length > most)
    throw new GalleyError(
      "bus_message_invalid",
      `The message has ${message.data.length} bytes; ${most} are allowed.`,
    );
  let content: unknown;
  try {
    content = JSON.parse(Buffer.from(message.data).toString("utf8"));
  } catch {
    throw new GalleyError("bus_message_invalid", "The message is not JSON.");
  }
  const parsed = schema.safeParse(content);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues.slice(0, 3).map(({ path }) => path.join(".") || "the whole");
  throw new GalleyError("bus_message_invalid", `The message is not what it should be: ${where.join(", ")}.`);
}
