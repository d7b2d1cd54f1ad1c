import { lstat, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { UsageRecord } from "../src/buildkit/index.js";
import { GalleyError } from "../src/errors/index.js";
import { chunkStore } from "./chunks.js";
import { collect, type Removed, readIndexes, removeMount } from "./collect.js";
import { cachePlaces } from "./places.js";
import { type IndexedMount, type RepositoryIndex, readIndex, refreshIndex } from "./repository-index.js";
import { withLock } from "./repository-lock.js";
import { listStoredMounts, type StoredMount } from "./stored-mount.js";

/** What is kept for a repository, and its mirror beside it. */
export interface KeptRepository extends RepositoryIndex {
  /** Bytes of the git mirror; 0 where there is none. */
  readonly mirrorBytes: number;
  readonly lastUsedAt: string | null;
  /** Of the steps of the builds that are remembered, the part that was cached; null without steps. */
  readonly hitRate: number | null;
}

/** Every repository that something is kept for. */
export async function listRepositories(dataDirectory: string): Promise<KeptRepository[]> {
  const indexes = await readIndexes(dataDirectory);
  return await Promise.all([...indexes.values()].map((index) => withMirror(dataDirectory, index)));
}

/** @throws GalleyError not_found, invalid_request */
export async function showRepository(dataDirectory: string, repoKey: string): Promise<KeptRepository> {
  const index = await readIndex(cachePlaces(dataDirectory, repoKey));
  if (index) return await withMirror(dataDirectory, index);
  throw new GalleyError("not_found", `Nothing is kept for a repository ${JSON.stringify(repoKey)}.`, {
    hint: "`galley cache ls` lists those that there are.",
  });
}

async function withMirror(dataDirectory: string, index: RepositoryIndex): Promise<KeptRepository> {
  const used = [
    ...index.mounts.map(({ lastUsedAt }) => lastUsedAt),
    ...index.builds.map(({ at }) => at),
  ].sort();
  const steps = index.builds.reduce((sum, build) => sum + build.steps, 0);
  const cached = index.builds.reduce((sum, build) => sum + build.cached, 0);
  return {
    ...index,
    mirrorBytes: await packBytes(join(dataDirectory, "repos", `${index.repoKey}.git`)),
    lastUsedAt: used.at(-1) ?? null,
    hitRate: steps === 0 ? null : cached / steps,
  };
}

/** Packs are nearly all of a mirror, and few: looking at every file of it would take long. */
async function packBytes(mirror: string): Promise<number> {
  const directory = join(mirror, "objects/pack");
  let bytes = 0;
  for (const name of await readdir(directory).catch(() => []))
    bytes += (await lstat(join(directory, name)).catch(() => undefined))?.size ?? 0;
  return bytes;
}

/** A stored mount with what is in it, by its name in the index or its id. @throws GalleyError not_found */
export async function inspectMount(
  dataDirectory: string,
  repoKey: string,
  wanted: string,
): Promise<StoredMount & { readonly name: string }> {
  const index = await showRepository(dataDirectory, repoKey);
  const found = index.mounts.find(({ name, id }) => name === wanted || id === wanted);
  const { directory } = cachePlaces(dataDirectory, repoKey);
  const all = found ? await listStoredMounts(join(directory, "mounts")) : [];
  const kept = all.find(({ stored }) => stored.id === found?.id && stored.scope === found?.scope);
  if (found && kept) return { name: found.name, ...kept.stored };
  throw new GalleyError("not_found", `${repoKey} has no stored mount ${JSON.stringify(wanted)}.`, {
    hint: `\`galley cache show ${repoKey}\` lists those that there are.`,
  });
}

export interface PruneStoredOptions {
  readonly dataDirectory: string;
  /** Of this repository alone. */
  readonly repoKey?: string | undefined;
  /** Only what was last used before this time, RFC 3339. */
  readonly before?: string | undefined;
  /** Bytes that may stay, used last: of the repository, or of all together. */
  readonly keep?: number | undefined;
  /** Nothing is removed; what would be is told with `freed` 0. */
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
}

/** Removes stored mounts: those used before a time, then down to a size; all of them where neither is given. */
export async function pruneStored(options: PruneStoredOptions): Promise<Removed[]> {
  const { dataDirectory, repoKey, before, keep, dryRun, signal } = options;
  const indexes =
    repoKey === undefined
      ? [...(await readIndexes(dataDirectory)).values()]
      : [await showRepository(dataDirectory, repoKey)];
  const removed: Removed[] = [];
  for (const { repoKey: repo, mounts } of indexes) {
    const places = cachePlaces(dataDirectory, repo);
    const going = mounts.filter((mount) => isGoing(mount, before, keep));
    for (const mount of going) {
      const freed = dryRun ? 0 : await removeMount(places, mount, signal);
      const why = before === undefined ? "asked for" : `not used since ${before}`;
      removed.push({ repo, mount: mount.id, scope: mount.scope, why, freed });
    }
    if (going.length > 0 && !dryRun) await refreshIndex(places, signal);
  }
  if (keep === undefined || dryRun) return removed;
  const budget = repoKey === undefined ? keep : Number.POSITIVE_INFINITY;
  const share = repoKey === undefined ? Number.POSITIVE_INFINITY : keep;
  return [...removed, ...(await collect({ dataDirectory, budget, share, signal, only: repoKey }))];
}

function isGoing(
  { lastUsedAt }: IndexedMount,
  before: string | undefined,
  keep: number | undefined,
): boolean {
  return before === undefined ? keep === undefined : lastUsedAt < before;
}

export interface Verified {
  readonly repo: string;
  readonly mount: string;
  readonly scope: string;
  readonly chunks: number;
  readonly sound: boolean;
}

/** Reads all that is stored. What is damaged is removed: the cache is cold then, and stored anew by the next build. */
export async function verifyStored(
  dataDirectory: string,
  signal: AbortSignal,
  onMount: (verified: Verified) => void,
): Promise<void> {
  for (const repo of (await readIndexes(dataDirectory)).keys()) {
    const places = cachePlaces(dataDirectory, repo);
    let damaged = false;
    for (const { path, stored } of await listStoredMounts(join(places.directory, "mounts"))) {
      const sound = await isSound(stored, places.chunks, signal);
      if (!sound) {
        damaged = true;
        await withLock(places.lock, signal, () => rm(path, { force: true }));
      }
      onMount({ repo, mount: stored.id, scope: stored.scope, chunks: stored.chunks.length, sound });
    }
    if (damaged) await refreshIndex(places, signal);
  }
}

async function isSound(stored: StoredMount, directory: string, signal: AbortSignal): Promise<boolean> {
  const chunks = chunkStore(directory);
  for (const chunk of stored.chunks) {
    signal.throwIfAborted();
    try {
      await chunks.get(chunk);
    } catch (error) {
      if (error instanceof GalleyError && error.code === "cache_damaged") return false;
      throw error;
    }
  }
  return true;
}

/** BuildKit's own records, in bytes. */
export interface EngineUsage {
  /** Cache mounts with the namespace of a repository that something is kept for; null where the engine does not say whose they are. */
  readonly ourMounts: number | null;
  readonly otherMounts: number;
  /** Results of steps, contexts and the like: no repository's alone. */
  readonly shared: number;
  readonly total: number;
  /** What nothing uses at the moment. */
  readonly reclaimable: number;
}

/** Sums up the records of one answer of BuildKit. */
export function engineUsage(records: readonly UsageRecord[], repoKeys: readonly string[]): EngineUsage {
  const known = new Set(repoKeys);
  let ours = 0;
  let mounts = 0;
  let total = 0;
  let reclaimable = 0;
  let named = false;
  for (const { type, size, inUse, description } of records) {
    total += size;
    if (!inUse) reclaimable += size;
    if (type !== "exec.cachemount") continue;
    mounts += size;
    const [, namespace] = / with id "([a-z0-9._-]+)(?:~[a-z0-9-]+)?\//.exec(description) ?? [];
    named ||= description.includes(' with id "');
    if (namespace !== undefined && known.has(namespace)) ours += size;
  }
  const told = named || mounts === 0;
  return {
    ourMounts: told ? ours : null,
    otherMounts: mounts - (told ? ours : 0),
    shared: total - mounts,
    total,
    reclaimable,
  };
}
