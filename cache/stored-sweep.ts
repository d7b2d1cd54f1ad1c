import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { chunkStore } from "./chunks.js";
import { type CachePlaces, cachePlaces, isRepoKey } from "./places.js";
import { type IndexedMount, type RepositoryIndex, readIndex } from "./repository-index.js";
import { withLock } from "./repository-lock.js";
import { listStoredMounts } from "./stored-mount.js";

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
