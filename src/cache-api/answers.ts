import { z } from "zod";
import type { CacheQuestion } from "./question.js";

const object = z.looseObject;
const time = z.string();
const bytes = z.number();
/** Milliseconds. */
const took = z.number();

const entryAbout = { name: z.string(), id: z.string(), scope: z.string() };

/** By question. Sizes are bytes, times RFC 3339, durations milliseconds. */
export const cacheAnswers = {
  ls: z.array(
    object({
      repoKey: z.string(),
      storedBytes: bytes,
      mirrorBytes: bytes,
      mounts: z.int().describe("How many stored mounts there are."),
      builds: z.int().describe("How many builds are remembered."),
      lastUsedAt: time.nullable(),
      hitRate: z.number().nullable().describe("Of the steps of these builds, the part that was cached."),
    }),
  ),
  show: object({
    repoKey: z.string(),
    storedBytes: bytes,
    mirrorBytes: bytes,
    lastUsedAt: time.nullable(),
    hitRate: z.number().nullable(),
    mounts: z.array(
      object({
        ...entryAbout,
        size: bytes,
        entries: z.int(),
        storedAt: time,
        lastUsedAt: time,
        usedBy: z.array(z.string()),
        cost: took.nullable(),
      }),
    ),
    builds: z
      .array(
        object({
          id: z.string(),
          service: z.string(),
          scope: z.string(),
          at: time,
          took,
          built: z.boolean(),
          steps: z.int(),
          cached: z.int(),
        }),
      )
      .describe("The newest first."),
  }),
  inspect: object({
    ...entryAbout,
    storedAt: time,
    content: object({
      bytes,
      entries: z.int(),
      directories: z.array(object({ path: z.string(), bytes, files: z.int() })),
    }),
    chunks: z.int(),
  }),
  explain: object({
    repo: z.string(),
    build: z.string(),
    previous: z.string().nullable(),
    restored: z.array(z.string()),
    took,
    steps: z.array(
      object({
        name: z.string(),
        cached: z.boolean(),
        took,
        why: z.string(),
        because: z.string().nullable(),
      }),
    ),
  }),
  du: object({
    stored: bytes,
    mirrors: bytes,
    budget: object({ all: bytes, repository: bytes })
      .nullable()
      .default(null)
      .describe("What all repositories, and each of them, may store."),
    engine: object({
      ourMounts: bytes.nullable(),
      otherMounts: bytes,
      shared: bytes,
      total: bytes,
      reclaimable: bytes,
    }),
  }),
  prune: object({
    dryRun: z.boolean(),
    freed: bytes,
    removed: z.array(
      object({ repo: z.string(), mount: z.string(), scope: z.string(), why: z.string(), freed: bytes }),
    ),
  }),
  verify: object({
    mounts: z.int(),
    damaged: z.array(object({ repo: z.string(), mount: z.string(), scope: z.string() })),
  }),
} as const satisfies Record<CacheQuestion["ask"], z.ZodType>;

export type CacheVerb = keyof typeof cacheAnswers;
export type CacheAnswer<Verb extends CacheVerb = CacheVerb> = z.infer<(typeof cacheAnswers)[Verb]>;

/** @throws ZodError for what is no answer to that */
export const parseCacheAnswer = <Verb extends CacheVerb>(ask: Verb, answer: unknown): CacheAnswer<Verb> =>
  cacheAnswers[ask].parse(answer) as CacheAnswer<Verb>;
