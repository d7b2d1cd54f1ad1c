import type { Keeper, Kept, KeptHere } from "./kept.js";
import { removeStoredLayers } from "./layer-store.js";
import { layersOf } from "./layers-of.js";
import { cachePlaces } from "./places.js";
import { readIndexes } from "./stored-sweep.js";

/** Stored layers of services, of every repository that something is kept for. */
export function storedLayers(dataDirectory: string): Keeper {
  return {
    kind: "layers",
    list: async () =>
      await Promise.all(
        [...(await readIndexes(dataDirectory)).keys()].map((repo) => keptLayers(dataDirectory, repo)),
      ),
    remove: ({ repo, what: service, scope }, signal) =>
      removeStoredLayers(cachePlaces(dataDirectory, repo), { scope, service }, signal),
  };
}

export async function keptLayers(dataDirectory: string, repo: string): Promise<KeptHere> {
  const { bytes, items } = await layersOf(cachePlaces(dataDirectory, repo));
  return {
    ...{ repo, kind: "layers", bytes },
    items: items.map(
      ({ name, service, scope, size, storedAt, lastUsedAt, usedBy }): Kept => ({
        ...{ kind: "layers", repo, name, what: service, scope, size, lastUsedAt, usedBy },
        ...{ createdAt: storedAt, cost: null, inUse: false },
      }),
    ),
  };
}
