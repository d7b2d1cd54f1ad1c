import type { Kept, KeptHere } from "./kept.js";
import { isForkScope } from "./scope.js";

export interface Limits {
  /** Bytes that all repositories may keep together. */
  readonly budget: number;
  /** Bytes that one of them may. */
  readonly share: number;
  /** What was last used before this time goes in any case, RFC 3339. */
  readonly before?: string | undefined;
}

export interface Going {
  readonly item: Kept;
  readonly why: string;
}

/**
 * What is to be removed first: what was not used since a time, then what was used longest ago of a repository that keeps more than its
 * share, then of all. What forks have left goes before all else, whenever it was used: whoever can open a pull request could otherwise
 * push out what the repository has for itself. Never what is in use, nor what `stays` says. Undefined when everything is within its
 * limits, or nothing can go.
 */
export function nextToGo(
  kept: readonly KeptHere[],
  { budget, share, before }: Limits,
  stays: (item: Kept) => boolean,
): Going | undefined {
  let total = 0;
  const ofRepository = new Map<string, number>();
  for (const here of kept) {
    const bytes = movableBytes([here]);
    total += bytes;
    ofRepository.set(here.repo, (ofRepository.get(here.repo) ?? 0) + bytes);
  }
  const isOver = (repo: string) => (ofRepository.get(repo) ?? 0) > share;
  let stale: Kept | undefined;
  let first: Kept | undefined;
  let firstOver: Kept | undefined;
  for (const { items } of kept)
    for (const item of items) {
      if (item.inUse || stays(item)) continue;
      if (stale === undefined || isOlder(item, stale)) stale = item;
      if (first === undefined || goesBefore(item, first)) first = item;
      if (isOver(item.repo) && (firstOver === undefined || goesBefore(item, firstOver))) firstOver = item;
    }
  if (stale && before !== undefined && stale.lastUsedAt < before)
    return { item: stale, why: `not used since ${before}` };
  if (firstOver) return { item: firstOver, why: `its repository keeps more than ${share} bytes` };
  if (first && total > budget) return { item: first, why: `all repositories keep more than ${budget} bytes` };
  return undefined;
}

/** Bytes of all but what is in use: an image of a preview that runs is no cache. */
export function movableBytes(kept: readonly KeptHere[]): number {
  let sum = 0;
  for (const { bytes, items } of kept)
    sum += items.reduce((left, { inUse, size }) => (inUse ? left - size : left), bytes);
  return Math.max(0, sum);
}

/** Of two that were used at the same time the larger one goes first: fewer have to. */
const isOlder = (a: Kept, b: Kept) =>
  a.lastUsedAt < b.lastUsedAt || (a.lastUsedAt === b.lastUsedAt && a.size > b.size);

const goesBefore = (a: Kept, b: Kept) =>
  isForkScope(a.scope) === isForkScope(b.scope) ? isOlder(a, b) : isForkScope(a.scope);
