import { setTimeout as sleep } from "node:timers/promises";

/** Waits for a promise to settle either way, at most `ms`. @returns whether it did */
export async function settledWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const timer = new AbortController();
  const late = sleep(ms, false, { signal: timer.signal }).catch(() => false);
  const settled = promise.then(
    () => true,
    () => true,
  );
  try {
    return await Promise.race([settled, late]);
  } finally {
    timer.abort();
  }
}

/** Waits, unless the signal is aborted first. @returns false when it was */
export async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  return await sleep(ms, true, { signal }).catch(() => false);
}

/** A promise that only ever rejects, and its trigger. Nobody has to listen. */
export function failureSwitch(): {
  readonly failed: Promise<never>;
  readonly fail: (error: unknown) => void;
} {
  let fail: (error: unknown) => void = () => {};
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  failed.catch(() => {});
  return { failed, fail };
}

/** For one side of a race that has nothing more to say. */
export function never(): Promise<never> {
  return new Promise<never>(() => {});
}
