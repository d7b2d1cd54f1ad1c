import type { Instant } from "./time.js";

/** A time in which a step ran. `stop` is absent while it does. */
export interface Interval {
  readonly start: Instant;
  readonly stop?: Instant;
}

/**
 * Joins what overlaps or touches, in order of time. A step is started and completed several times (its cache key is
 * worked out, it is executed, it is resumed by another build): its duration is the sum of what is left after this.
 * An open interval swallows everything after its start.
 */
export function mergeIntervals(intervals: readonly Interval[]): Interval[] {
  const merged: Interval[] = [];
  for (const next of [...intervals].sort((a, b) => a.start - b.start)) {
    const last = merged.at(-1);
    if (last === undefined || (last.stop !== undefined && last.stop < next.start)) {
      merged.push(next);
    } else if (last.stop !== undefined && (next.stop === undefined || next.stop > last.stop)) {
      merged[merged.length - 1] = {
        start: last.start,
        ...(next.stop === undefined ? {} : { stop: next.stop }),
      };
    }
  }
  return merged;
}

/** Milliseconds, never negative; open intervals last until `now`. */
export function totalDuration(intervals: readonly Interval[], now: Instant): number {
  return intervals.reduce((sum, { start, stop }) => sum + Math.max(0, (stop ?? now) - start), 0);
}
