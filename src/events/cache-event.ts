import { z } from "zod";
import { envelopeTime } from "./envelope-fields.js";

/** What an agent tells of its caches. Of no deployment, and therefore without the envelope of those. */
export const cacheEventSchema = z.strictObject({
  v: z.literal(1),
  /** Unique; two events with the same id are the same event, told twice. */
  id: z.string().min(1).max(64),
  at: envelopeTime,
  /** To keep the budget, or because the disk was nearly full. */
  type: z.literal("cache.removed"),
  kind: z.enum(["mount", "layers", "record", "context", "image"]),
  /** Key of the repository that it was kept for. */
  repo: z.string().max(128),
  /** What commands called it. */
  name: z.string().max(256),
  /** The id of a mount, the service of layers, the path of a context, the names of an image. */
  what: z.string().max(1024),
  /** Whose builds made it: `base`, or a pull request's. */
  scope: z.string().max(128),
  /** In words. */
  why: z.string().max(1024),
  /** Bytes on disk. */
  freed: z.int().min(0),
});
export type CacheEvent = z.infer<typeof cacheEventSchema>;
