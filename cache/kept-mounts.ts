import type { Keeper, Kept } from "./kept.js";
import { cachePlaces } from "./places.js";
import { type RepositoryIndex, refreshIndex } from "./repository-index.js";
import { readIndexes, removeMount } from "./stored-sweep.js";

/** Stored cache mounts, as the indexes have them. */
export function storedMounts(dataDirectory: string): Keeper {
  return {
    kind: "mount",
    list: async () =>
      [...(await readIndexes(dataDirectory)).values()].map((index) => ({
        repo: index.repoKey,
        kind: "mount",
        bytes: index.storedBytes,
        items: mountsOf(index),
      })),
    remove: async ({ repo, what: id, scope }, signal) => {
      const places = cachePlaces(dataDirectory, repo);
      const freed = await removeMount(places, { id, scope }, signal);
      await refreshIndex(places, signal);
      return freed;
    },
  };
}

/** Each with its part of what they take together. */
export function mountsOf({ repoKey, mounts, storedBytes }: RepositoryIndex): Kept[] {
  const unpacked = mounts.reduce((sum, { size }) => sum + size, 0);
  return mounts.map(({ name, id, scope, size, storedAt, lastUsedAt, usedBy, cost }) => ({
    ...{ kind: "mount" as const, repo: repoKey, name, what: id, scope, lastUsedAt, usedBy, cost },
    size: unpacked === 0 ? 0 : Math.round((storedBytes * size) / unpacked),
    createdAt: storedAt,
    inUse: false,
  }));
}
