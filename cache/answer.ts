import type { BuildKitClient } from "../src/buildkit/index.js";
import type { CacheProgress, CacheQuestion } from "../src/cache-api/index.js";
import { GalleyError } from "../src/errors/index.js";
import { explainBuild } from "./explain.js";
import {
  engineUsage,
  inspectKept,
  inspectMount,
  listRepositories,
  showRepository,
  type Verified,
  verifyStored,
} from "./inspect.js";
import type { Keeper } from "./kept.js";
import { storedLayers } from "./kept-layers.js";
import { storedMounts } from "./kept-mounts.js";
import { mountRecords } from "./kept-records.js";
import { pruneKept } from "./prune.js";

export interface AnswerOptions {
  readonly dataDirectory: string;
  /** The BuildKit whose records are summed up, or removed; closed by us. */
  readonly connect: (signal: AbortSignal) => Promise<BuildKitClient>;
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
      return (await listRepositories(dataDirectory)).map(({ mounts, builds, kept, ...rest }) => ({
        ...rest,
        mounts: mounts.length,
        builds: builds.length,
      }));
    case "show":
      return await showRepository(dataDirectory, question.repo);
    case "inspect": {
      const { repo, entry } = question;
      const mount = await inspectMount(dataDirectory, repo, entry);
      if (mount) return { kind: "mount", ...mount, chunks: mount.chunks.length };
      const { what: id, createdAt: storedAt, ...found } = await inspectKept(dataDirectory, repo, entry);
      return { ...found, id, storedAt, content: null, chunks: 0 };
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
          mountRecords(options),
          ...(options.keepers ?? []),
        ],
        kinds,
        repoKey: repo ?? undefined,
        before: older === null ? undefined : new Date(options.now() - older * 1000).toISOString(),
        keep: keep ?? undefined,
        dryRun,
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
  const { restored, took } = found.build;
  return { repo, build: id, previous, restored, took, steps };
}

async function usage(options: AnswerOptions): Promise<unknown> {
  const { dataDirectory, connect, signal } = options;
  const budget = await options.budget();
  const repositories = await listRepositories(dataDirectory);
  const client = await connect(signal);
  try {
    const engine = engineUsage(
      await client.diskUsage({ signal }),
      repositories.map(({ repoKey }) => repoKey),
    );
    return {
      stored: repositories.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
      mirrors: repositories.reduce((sum, { mirrorBytes }) => sum + mirrorBytes, 0),
      budget,
      engine,
    };
  } finally {
    client.close();
  }
}

async function verify({ dataDirectory, signal, onProgress }: AnswerOptions): Promise<unknown> {
  const seen: Verified[] = [];
  await verifyStored(dataDirectory, signal, (one) => {
    seen.push(one);
    onProgress?.({ done: seen.length, total: null, what: "mounts read" });
  });
  return { mounts: seen.length, damaged: seen.filter(({ sound }) => !sound) };
}
