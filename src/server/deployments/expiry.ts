export interface Terms {
  /** What the project says: seconds; null: nothing; 0: never. */
  readonly ttlSeconds: number | null;
  /** What holds where it says nothing; 0: never. */
  readonly ttlMs: number;
}

/** Milliseconds that a preview lives; 0: for ever. */
export const ttlOf = ({ ttlSeconds, ttlMs }: Terms): number =>
  ttlSeconds === null ? ttlMs : ttlSeconds * 1000;

/** When a preview expires whose time begins anew: later than before or at the same time, as somebody may have extended it. Null: never. */
export function renewedExpiry(before: Date | null, terms: Terms, now: Date): Date | null {
  const ttl = ttlOf(terms);
  return ttl === 0 ? null : new Date(Math.max(before?.getTime() ?? 0, now.getTime() + ttl));
}
