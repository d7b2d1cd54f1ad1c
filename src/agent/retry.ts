import { setTimeout as delay } from "node:timers/promises";

export interface RetryOptions {
  /** How often it is tried at most, from 1. */
  readonly attempts: number;
  /** Milliseconds before the second attempt, at most; doubles from then on. Default 500. */
  readonly baseMs?: number;
  /** Default 15,000. */
  readonly mostMs?: number;
  readonly signal: AbortSignal;
  /** Whether to go on after this error. */
  readonly worthIt: (error: unknown) => boolean;
  readonly onRetry?: (error: unknown, waitMs: number) => void;
  /** 0 to 1. */
  readonly random?: () => number;
}

/** Milliseconds to wait after so many failures (from 1): between half and all of a doubling time, so that many do not come at once. */
export function backoff(failures: number, random: () => number, baseMs = 500, mostMs = 15_000): number {
  const full = Math.min(mostMs, baseMs * 2 ** Math.min(failures - 1, 30));
  return Math.round(full * (0.5 + random() / 2));
}

/** Runs work until it succeeds, its error is not worth another try, or the attempts are used up. Rejects with the last error, or the signal's reason. */
export async function retry<T>(work: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { attempts, signal, worthIt, onRetry, random = Math.random } = options;
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      if (signal.aborted || attempt >= attempts || !worthIt(error)) throw error;
      const waitMs = backoff(attempt, random, options.baseMs, options.mostMs);
      onRetry?.(error, waitMs);
      await delay(waitMs, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}
