import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { chunkStore } from "./chunks.js";
import { type CachePlaces, cachePlaces, isRepoKey } from "./places.js";
import { type IndexedMount, type RepositoryIndex, readIndex, refreshIndex } from "./repository-index.js";
import { withLock } from "./repository-lock.js";
import { listStoredMounts } from "./stored-mount.js";

/** Something that was removed, and what that has freed. */
export interface Removed {
  readonly repo: string;
  readonly mount: string;
  readonly scope: string;
  readonly why: string;
  /** Bytes on disk. */
  readonly freed: number;
}

export interface CollectOptions {
  readonly dataDirectory: string;
  readonly budget: number;
  readonly share: number;
  /** Of this repository alone. Default: of all. */
  readonly only?: string | undefined;
  readonly signal: AbortSignal;
}

/** Removes what was used longest ago, until every repository is within its share and all are within the budget. */
export async function collect(options: CollectOptions): Promise<Removed[]> {
  const { dataDirectory, budget, share, signal } = options;
  const removed: Removed[] = [];
  const indexes = await readIndexes(dataDirectory);
  const drop = async (index: RepositoryIndex, mount: IndexedMount, why: string): Promise<RepositoryIndex> => {
    const places = cachePlaces(dataDirectory, index.repoKey);
    const freed = await removeMount(places, mount, signal);
    removed.push({ repo: index.repoKey, mount: mount.id, scope: mount.scope, why, freed });
    return await refreshIndex(places, signal);
  };
  for (const [key, index] of indexes) {
    if (options.only !== undefined && options.only !== key) continue;
    let left = index;
    for (let oldest = oldestOf([left]); left.storedBytes > share && oldest; oldest = oldestOf([left]))
      left = await drop(left, oldest.mount, `its repository stores more than ${share} bytes`);
    indexes.set(key, left);
  }
  for (;;) {
    const all = [...indexes.values()];
    const oldest = oldestOf(all);
    if (all.reduce((sum, { storedBytes }) => sum + storedBytes, 0) <= budget || !oldest) return removed;
    const left = await drop(oldest.index, oldest.mount, `all repositories store more than ${budget} bytes`);
    indexes.set(left.repoKey, left);
  }
}

/** Of every repository that something is kept for, by repo key. */
export async function readIndexes(dataDirectory: string): Promise<Map<string, RepositoryIndex>> {
  const indexes = new Map<string, RepositoryIndex>();
  const entries = await readdir(join(dataDirectory, "cache"), { withFileTypes: true }).catch(() => []);
  const keys = entries
    .filter((entry) => entry.isDirectory() && isRepoKey(entry.name))
    .map(({ name }) => name);
  await Promise.all(
    keys.sort().map(async (key) => {
      const index = await readIndex(cachePlaces(dataDirectory, key));
      if (index) indexes.set(key, index);
    }),
  );
  return new Map([...indexes].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Removes a stored mount with all that no other one is made of. @returns bytes freed on disk */
export async function removeMount(
  places: CachePlaces,
  mount: Pick<IndexedMount, "id" | "scope">,
  signal: AbortSignal,
): Promise<number> {
  return await withLock(places.lock, signal, async () => {
    await rm(places.mount(mount.scope, mount.id), { force: true });
    return await sweep(places);
  });
}

/** Removes chunks that no stored mount is made of. Only under the repository's lock. @returns bytes freed on disk */
export async function sweep(places: CachePlaces): Promise<number> {
  const chunks = chunkStore(places.chunks);
  const needed = new Set(
    (await listStoredMounts(`${places.directory}/mounts`)).flatMap(({ stored }) =>
      stored.chunks.map(({ digest }) => digest),
    ),
  );
  let freed = 0;
  for (const digest of (await chunks.list()).keys())
    if (!needed.has(digest)) freed += await chunks.remove(digest);
  return freed;
}

function oldestOf(
  indexes: readonly RepositoryIndex[],
): { index: RepositoryIndex; mount: IndexedMount } | undefined {
  return indexes
    .flatMap((index) => index.mounts.map((mount) => ({ index, mount })))
    .sort((a, b) => (a.mount.lastUsedAt < b.mount.lastUsedAt ? -1 : 1))[0];
}
