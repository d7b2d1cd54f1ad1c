import { readIndexes } from "./collect.js";
import { removeStoredLayers } from "./layer-store.js";
import { type IndexedLayers, layersOf } from "./layers-of.js";
import { cachePlaces } from "./places.js";

export interface RemovedLayers {
  readonly repo: string;
  readonly service: string;
  readonly scope: string;
  readonly why: string;
  /** Bytes on disk. */
  readonly freed: number;
}

/** Removes the layers that were used longest ago, until each repository has no more than its share with its mounts, and all are within the budget. */
export async function boundLayers(options: {
  readonly dataDirectory: string;
  readonly budget: number;
  readonly share: number;
  readonly signal: AbortSignal;
}): Promise<RemovedLayers[]> {
  const { dataDirectory, budget, share, signal } = options;
  const removed: RemovedLayers[] = [];
  const left = new Map<string, { bytes: number; items: IndexedLayers[] }>();
  let mounts = 0;
  for (const [repo, { storedBytes }] of await readIndexes(dataDirectory)) {
    const { bytes, items } = await layersOf(cachePlaces(dataDirectory, repo));
    mounts += storedBytes;
    left.set(repo, { bytes, items: [...items] });
    while (left.get(repo)?.items.length && storedBytes + (left.get(repo)?.bytes ?? 0) > share)
      await drop([repo], `its repository stores more than ${share} bytes`);
  }
  const total = () => [...left.values()].reduce((sum, { bytes }) => sum + bytes, mounts);
  while (total() > budget && [...left.values()].some(({ items }) => items.length > 0))
    await drop([...left.keys()], `all repositories store more than ${budget} bytes`);
  return removed;

  async function drop(repositories: readonly string[], why: string): Promise<void> {
    const all = repositories.flatMap((repo) => (left.get(repo)?.items ?? []).map((item) => ({ repo, item })));
    const [oldest] = all.sort((a, b) => (a.item.lastUsedAt < b.item.lastUsedAt ? -1 : 1));
    const here = oldest && left.get(oldest.repo);
    if (!oldest || !here) return;
    const { repo, item } = oldest;
    const freed = await removeStoredLayers(cachePlaces(dataDirectory, repo), item, signal);
    removed.push({ repo, service: item.service, scope: item.scope, why, freed });
    left.set(repo, { bytes: here.bytes - freed, items: here.items.filter((one) => one !== item) });
  }
}
