/**
 * Waits for `promise`, but not longer than `timeoutMs`, nor than `signal` allows. What it resolves to later is lost, and what it
 * rejects with later is nobody's.
 * @throws what `late` makes, or the signal's reason.
 */
export function within<T>(
  promise: Promise<T>,
  options: { timeoutMs: number; signal?: AbortSignal | undefined; late: () => Error },
): Promise<T> {
  const { timeoutMs, signal, late } = options;
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      act();
    };
    const abort = () => settle(() => reject(signal?.reason));
    const timer = setTimeout(() => settle(() => reject(late())), timeoutMs);
    promise.then(
      (value) => settle(() => resolve(value)),
      (error: unknown) => settle(() => reject(error)),
    );
    if (signal?.aborted) abort();
    else signal?.addEventListener("abort", abort, { once: true });
  });
}

/** Waits `ms`, or less when the signal aborts; never rejects. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end, { once: true });
  });
}

/** Between half of and the whole of `first` doubled `failures` times, at most `most`: so that many do not come back at once. */
export function backoffMs(failures: number, first: number, most: number): number {
  const whole = Math.min(most, first * 2 ** Math.min(failures, 20));
  return whole / 2 + (Math.random() * whole) / 2;
}
