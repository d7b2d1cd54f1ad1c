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
      storedBytes: bytes.describe("On disk, of stored mounts."),
      layerBytes: bytes.default(0).describe("On disk, of stored layers."),
      recordBytes: bytes.describe(
        "Of BuildKit's cache mounts and contexts, when the engine was last looked at.",
      ),
      imageBytes: bytes.describe("That images kept for the next build have for themselves, likewise."),
      mirrorBytes: bytes,
      engineAt: time.nullable().describe("When the engine was last looked at."),
      mounts: z.int().describe("How many stored mounts there are."),
      builds: z.int().describe("How many builds are remembered."),
      lastUsedAt: time.nullable(),
      hitRate: z.number().nullable().describe("Of the steps of these builds, the part that was cached."),
    }),
  ),
  show: object({
    repoKey: z.string(),
    storedBytes: bytes,
    layerBytes: bytes.default(0),
    recordBytes: bytes,
    imageBytes: bytes,
    mirrorBytes: bytes,
    engineAt: time.nullable(),
    lastUsedAt: time.nullable(),
    hitRate: z.number().nullable(),
    kept: z
      .array(
        object({
          kind: z.string().describe("mount, layers, record, context, image, mirror or registry."),
          name: z.string(),
          what: z.string(),
          scope: z.string(),
          size: bytes,
          createdAt: time.nullable(),
          lastUsedAt: time,
          usedBy: z.array(z.string()),
          cost: took.nullable().describe("What it would take to make it again."),
          inUse: z.boolean(),
        }),
      )
      .describe("All of it, by kind."),
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
    kind: z.string().describe("mount, layers, record, context, image, mirror or registry."),
    ...entryAbout,
    storedAt: time.nullable(),
    content: object({
      bytes,
      entries: z.int(),
      directories: z.array(object({ path: z.string(), bytes, files: z.int() })),
    })
      .nullable()
      .describe("Of a stored mount."),
    chunks: z.int(),
    layers: z
      .array(object({ digest: z.string(), size: bytes }))
      .nullable()
      .default(null)
      .describe("What the stored layers of a service are made of, the largest first."),
    size: bytes.optional().describe("Of what the engine holds, with the fields that follow."),
    lastUsedAt: time.optional(),
    usedBy: z.array(z.string()).optional(),
    cost: took.nullable().optional(),
    inUse: z.boolean().optional(),
  }),
  explain: object({
    repo: z.string(),
    build: z.string(),
    previous: z.string().nullable(),
    restored: z.array(z.string()),
    layers: z.array(z.string()).default([]).describe("Scopes whose stored layers it was given."),
    registry: z.array(z.string()).default([]).describe("Names in a registry whose layers it was given."),
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
    stored: bytes.describe("On disk, of stored mounts."),
    layers: bytes.default(0).describe("On disk, of stored layers."),
    mirrors: bytes,
    budget: object({ all: bytes, repository: bytes })
      .nullable()
      .default(null)
      .describe("What all repositories, and each of them, may store."),
    engine: object({
      ourMounts: bytes.nullable(),
      otherMounts: bytes,
      ourContexts: bytes.default(0).describe("Copies of contexts of these repositories."),
      shared: bytes,
      total: bytes,
      reclaimable: bytes,
      layers: z
        .enum(["stored", "read", "none"])
        .nullable()
        .default(null)
        .describe(
          "What becomes of layers on this engine: it can store them, only read what another has stored, or neither.",
        ),
    }),
    registry: object({
      services: z.int().describe("Services and scopes whose layers have gone there from here."),
      inline: z
        .int()
        .describe("Of them, those whose image carries its own cache, as the engine exports no other."),
      lastAt: time.nullable(),
    })
      .nullable()
      .default(null)
      .describe("What is in a registry, as far as it is known here; null: nothing."),
    images: object({
      ours: bytes.describe("Of images of these repositories that no other image has."),
      others: bytes.describe("The same of all other images."),
      shared: bytes.describe("Of layers that several images have, at least."),
      reclaimable: bytes.describe("That images without a container have for themselves."),
    })
      .nullable()
      .default(null)
      .describe("Null where the engine does not say, or there is none beside BuildKit."),
  }),
  prune: object({
    dryRun: z.boolean(),
    freed: bytes,
    removed: z.array(
      object({
        kind: z.string().describe("mount, layers, record, context or image."),
        repo: z.string(),
        name: z.string(),
        what: z
          .string()
          .describe(
            "The id of a mount, the service of layers, the path of a context, the names of an image.",
          ),
        scope: z.string(),
        why: z.string(),
        freed: bytes,
      }),
    ),
  }),
  verify: object({
    mounts: z.int(),
    layers: z.int().default(0).describe("How many services have stored layers that were read."),
    damaged: z.array(
      object({
        kind: z.string().default("mount").describe("mount or layers."),
        repo: z.string(),
        mount: z.string().describe("The id of a mount, the service of layers."),
        scope: z.string(),
      }),
    ),
  }),
} as const satisfies Record<CacheQuestion["ask"], z.ZodType>;

export type CacheVerb = keyof typeof cacheAnswers;
export type CacheAnswer<Verb extends CacheVerb = CacheVerb> = z.infer<(typeof cacheAnswers)[Verb]>;

/** @throws ZodError for what is no answer to that */
export const parseCacheAnswer = <Verb extends CacheVerb>(ask: Verb, answer: unknown): CacheAnswer<Verb> =>
  cacheAnswers[ask].parse(answer) as CacheAnswer<Verb>;
