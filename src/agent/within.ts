import { pause } from "./pause.js";

/** What the promise resolves with; undefined when that takes longer, or the signal has come. */
export async function within<T>(
  promise: Promise<T>,
  ms: number,
  signal: AbortSignal,
): Promise<T | undefined> {
  const over = new AbortController();
  try {
    const late = pause(ms, AbortSignal.any([signal, over.signal])).then(() => undefined);
    return await Promise.race([promise, late]);
  } finally {
    over.abort();
  }
}
