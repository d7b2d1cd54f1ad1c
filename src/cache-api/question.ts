import { z } from "zod";

const repo = z.string().min(1).max(128).describe("A repository's key, as `ls` has it.");

/** What can be removed: stored mounts and layers, BuildKit's records of cache mounts and of contexts, images that are kept for the next build. */
export const cacheKind = z.enum(["mount", "layers", "record", "context", "image"]);

/** One question. What it means is said at the commands of `galley cache`. */
export const cacheQuestion = z.discriminatedUnion("ask", [
  z.object({ ask: z.literal("ls") }),
  z.object({ ask: z.literal("show"), repo }),
  /** Something that is kept, by its name or id. */
  z.object({ ask: z.literal("inspect"), repo, entry: z.string().min(1).max(4096) }),
  z.object({ ask: z.literal("explain"), build: z.string().min(1).max(200) }),
  z.object({ ask: z.literal("du") }),
  z.object({
    ask: z.literal("prune"),
    /** Null: of all repositories. */
    repo: repo.nullable(),
    /** Seconds: only what was not used for so long. */
    older: z.int().min(0).nullable(),
    /** Bytes that may stay. */
    keep: z.int().min(0).nullable(),
    /** Empty: what is stored. */
    kinds: z.array(cacheKind).max(10).default([]),
    dryRun: z.boolean(),
  }),
  z.object({ ask: z.literal("verify") }),
]);
export type CacheQuestion = z.infer<typeof cacheQuestion>;
export type CacheKind = z.infer<typeof cacheKind>;

/** How far a long answer is. */
export const cacheProgress = z.object({
  done: z.int().min(0),
  /** Null: not known. */
  total: z.int().min(0).nullable(),
  /** Of what, in plural: `mounts read`. */
  what: z.string().max(64),
});
export type CacheProgress = z.infer<typeof cacheProgress>;

/** Characters of an answer as JSON, at most: an agent gives no longer one, and nobody takes one. */
export const mostCacheAnswer = 16 * 1024 * 1024;
