import type { BuildKitClient } from "../src/buildkit/index.js";
import type { CacheProgress, CacheQuestion } from "../src/cache-api/index.js";
import type { ImageUsage } from "../src/docker/index.js";
import { GalleyError } from "../src/errors/index.js";
import { explainBuild } from "./explain.js";
import {
  engineUsage,
  inspectKept,
  inspectLayers,
  inspectMount,
  listRepositories,
  showRepository,
} from "./inspect.js";
import type { Keeper } from "./kept.js";
import { storedLayers } from "./kept-layers.js";
import { storedMounts } from "./kept-mounts.js";
import { engineRecords } from "./kept-records.js";
import { cachePlaces } from "./places.js";
import { pruneKept } from "./prune.js";
import { listRegistryLayers, type RegistryLayers } from "./registry-record.js";
import { type Verified, verifyStored } from "./verify.js";

export interface AnswerOptions {
  readonly dataDirectory: string;
  /** The BuildKit whose records are summed up, or removed; closed by us. */
  readonly connect: (signal: AbortSignal) => Promise<BuildKitClient>;
  /** What the images of the engine take, of these repositories and others. Undefined where it does not say, or there are none. */
  readonly images?: (repoKeys: ReadonlySet<string>, signal: AbortSignal) => Promise<ImageUsage | undefined>;
  /** Bytes that all repositories, and each of them, may store. */
  readonly budget: () => Promise<{ readonly all: number; readonly repository: number }>;
  /** Kinds that only the asker can remove. */
  readonly keepers?: readonly Keeper[];
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly onProgress?: ((progress: CacheProgress) => void) | undefined;
  readonly signal: AbortSignal;
}

/**
 * Answers a question about what is kept in a data directory, in the form that `cacheAnswers` describes.
 *
 * @throws GalleyError not_found, invalid_request, and what BuildKit or the disk say
 */
export async function answerCache(question: CacheQuestion, options: AnswerOptions): Promise<unknown> {
  const { dataDirectory, signal } = options;
  switch (question.ask) {
    case "ls":
      return await listRepositories(dataDirectory);
    case "show":
      return await showRepository(dataDirectory, question.repo);
    case "inspect": {
      const { repo, entry } = question;
      const mount = await inspectMount(dataDirectory, repo, entry);
      if (mount) return { kind: "mount", ...mount, chunks: mount.chunks.length, layers: null };
      const { what: id, createdAt: storedAt, ...found } = await inspectKept(dataDirectory, repo, entry);
      const layers =
        found.kind === "layers" ? await inspectLayers(dataDirectory, repo, id, found.scope) : null;
      return { ...found, id, storedAt, content: null, chunks: 0, layers };
    }
    case "explain":
      return await explain(dataDirectory, question.build);
    case "du":
      return await usage(options);
    case "prune": {
      const { repo, older, keep, kinds, dryRun } = question;
      const removed = await pruneKept({
        dataDirectory,
        keepers: [
          storedMounts(dataDirectory),
          storedLayers(dataDirectory),
          ...engineRecords(options),
          ...(options.keepers ?? []),
        ],
        kinds,
        repoKey: repo ?? undefined,
        before: older === null ? undefined : new Date(options.now() - older * 1000).toISOString(),
        keep: keep ?? undefined,
        dryRun,
        onRemoved: (count) => options.onProgress?.({ done: count, total: null, what: "removed" }),
        signal,
      });
      return { dryRun, freed: removed.reduce((sum, { freed }) => sum + freed, 0), removed };
    }
    case "verify":
      return await verify(options);
  }
}

async function explain(dataDirectory: string, id: string): Promise<unknown> {
  const found = await explainBuild(dataDirectory, id);
  if (!found)
    throw new GalleyError("not_found", `There is no record of a build ${JSON.stringify(id)}.`, {
      hint: "`galley cache show REPO` lists the builds that are remembered: the last 200 of a repository.",
    });
  const { repo, previous, steps } = found;
  const { restored, layers = [], registry = [], took } = found.build;
  return { repo, build: id, previous, restored, layers, registry, took, steps };
}

async function usage(options: AnswerOptions): Promise<unknown> {
  const { dataDirectory, connect, signal } = options;
  const budget = await options.budget();
  const repositories = await listRepositories(dataDirectory);
  const client = await connect(signal);
  try {
    const used = engineUsage(
      await client.diskUsage({ signal }),
      repositories.map(({ repoKey }) => repoKey),
    );
    const { cacheExport, localCacheImport } = await client.features(signal);
    const engine = { ...used, layers: cacheExport ? "stored" : localCacheImport ? "read" : "none" };
    return {
      stored: repositories.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
      layers: repositories.reduce((sum, { layerBytes }) => sum + layerBytes, 0),
      mirrors: repositories.reduce((sum, { mirrorBytes }) => sum + mirrorBytes, 0),
      budget,
      engine,
      registry: await inRegistries(
        dataDirectory,
        repositories.map(({ repoKey }) => repoKey),
      ),
      images: (await options.images?.(new Set(repositories.map(({ repoKey }) => repoKey)), signal)) ?? null,
    };
  } finally {
    client.close();
  }
}

/** Null where nothing has gone to one from here. */
async function inRegistries(dataDirectory: string, repoKeys: readonly string[]): Promise<unknown> {
  const stored: RegistryLayers[] = [];
  for (const repo of repoKeys) stored.push(...(await listRegistryLayers(cachePlaces(dataDirectory, repo))));
  if (stored.length === 0) return null;
  const inline = stored.filter(({ mode }) => mode === "inline").length;
  return {
    services: stored.length,
    inline,
    lastAt:
      stored
        .map(({ storedAt }) => storedAt)
        .sort()
        .at(-1) ?? null,
  };
}

async function verify({ dataDirectory, signal, onProgress }: AnswerOptions): Promise<unknown> {
  const seen: Verified[] = [];
  await verifyStored(
    dataDirectory,
    signal,
    (one) => seen.push(one),
    (done, total) => onProgress?.({ done, total, what: "contents read" }),
  );
  const count = (wanted: Verified["kind"]) => seen.filter(({ kind }) => kind === wanted).length;
  const damaged = seen.filter(({ sound }) => !sound);
  return {
    mounts: count("mount"),
    layers: count("layers"),
    damaged: damaged.map(({ what: mount, ...rest }) => ({ mount, ...rest })),
  };
}
