import type { Keeper, Kept, KeptHere, Removed } from "./kept.js";
import { type Limits, movableBytes, nextToGo } from "./next-to-go.js";

export interface CollectOptions extends Limits {
  readonly keepers: readonly Keeper[];
  /** Bytes that are to be freed at least, whatever the limits are. Default 0. */
  readonly spare?: number;
  /** Of this repository alone. Default: of all. */
  readonly only?: string | undefined;
  /** A build that is under way may use it: it stays. */
  readonly isBusy?: (item: Kept) => boolean;
  /** Told of each one as it is gone: whoever is killed in between has told what is true. */
  readonly onRemoved?: (removed: Removed) => void;
  /** A kind that cannot be looked at or removed from, because its engine is away: the others go on. Default: it is thrown. */
  readonly onFailed?: (kind: string, error: Error) => void;
  readonly signal: AbortSignal;
}

/**
 * Removes what was used longest ago, until every repository is within its share and all are within the budget. What is in use counts for
 * nothing: nothing can be done about it.
 */
export async function collect(
  options: CollectOptions,
): Promise<{ readonly removed: readonly Removed[]; readonly left: readonly KeptHere[] }> {
  const { keepers, only, isBusy, signal, onRemoved, share, before, spare = 0 } = options;
  const byKind = new Map(keepers.map((keeper) => [keeper.kind, keeper]));
  const left = new Map<string, KeptHere>();
  const failed = (kind: string, error: unknown) => {
    signal.throwIfAborted();
    if (!options.onFailed) throw error;
    options.onFailed(kind, error as Error);
  };
  for (const keeper of keepers) {
    try {
      for (const here of await keeper.list(signal)) left.set(`${here.kind} ${here.repo}`, here);
    } catch (error) {
      failed(keeper.kind, error);
    }
  }
  const budget = Math.min(options.budget, Math.max(0, movableBytes([...left.values()]) - spare));
  const removed: Removed[] = [];
  const staying = new Set<Kept>();
  const stays = (item: Kept) =>
    staying.has(item) || isBusy?.(item) === true || (only !== undefined && item.repo !== only);
  for (;;) {
    signal.throwIfAborted();
    const going = nextToGo([...left.values()], { budget, share, before }, stays);
    if (!going) return { removed, left: [...left.values()] };
    const { item, why } = going;
    const { kind, repo, name, what, scope } = item;
    const here = left.get(`${kind} ${repo}`);
    const keeper = kind === "mirror" || kind === "registry" ? undefined : byKind.get(kind);
    staying.add(item);
    if (!here || !keeper) continue;
    let freed: number | undefined;
    try {
      freed = await keeper.remove(item, signal);
    } catch (error) {
      failed(kind, error);
    }
    if (freed === undefined) continue;
    left.set(`${kind} ${repo}`, {
      ...here,
      bytes: Math.max(0, here.bytes - freed),
      items: here.items.filter((one) => one !== item),
    });
    const gone: Removed = { kind: keeper.kind, repo, name, what, scope, why, freed };
    removed.push(gone);
    onRemoved?.(gone);
  }
}
