import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { chunkStore } from "./chunks.js";
import type { IndexSums } from "./index-sums.js";
import { type CachePlaces, cachePlaces, isRepoKey } from "./places.js";
import { type IndexedMount, type RepositoryIndex, readIndex, readSums } from "./repository-index.js";
import { withLock } from "./repository-lock.js";
import { listStoredMounts } from "./stored-mount.js";

/** Of every repository that something is kept for, by repo key. */
export function readIndexes(dataDirectory: string): Promise<Map<string, RepositoryIndex>> {
  return ofEach(dataDirectory, readIndex);
}

/** The same, of which only the sums are wanted. */
export function readAllSums(dataDirectory: string): Promise<Map<string, IndexSums>> {
  return ofEach(dataDirectory, readSums);
}

async function ofEach<T>(
  dataDirectory: string,
  read: (places: CachePlaces) => Promise<T | undefined>,
): Promise<Map<string, T>> {
  const found = new Map<string, T>();
  const entries = await readdir(join(dataDirectory, "cache"), { withFileTypes: true }).catch(() => []);
  const keys = entries
    .filter((entry) => entry.isDirectory() && isRepoKey(entry.name))
    .map(({ name }) => name)
    .sort();
  for (const [number, key] of keys.entries()) {
    // Others have to be served, too.
    if (number % 16 === 15) await setImmediate();
    const one = await read(cachePlaces(dataDirectory, key));
    if (one) found.set(key, one);
  }
  return found;
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
