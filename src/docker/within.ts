import { GalleyError } from "../errors/index.js";

const defaultLimitMs = 60_000;

/**
 * Runs one call of the API with a deadline of its own beside the caller's signal. The call gets both as one signal and is
 * left behind when it does not heed it, as some calls of the client library do not.
 *
 * @param limitMs milliseconds, default 60,000
 */
export async function within<T>(
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
  limitMs = defaultLimitMs,
): Promise<T> {
  const limit = new AbortController();
  const timer = setTimeout(() => {
    limit.abort(
      new GalleyError("engine_unreachable", `The Docker Engine did not answer within ${limitMs / 1000} s`, {
        hint: "It may be busy or stuck: look at its log, and at the load of its machine.",
      }),
    );
  }, limitMs);
  const either = AbortSignal.any([signal, limit.signal]);
  let stop = () => {};
  try {
    either.throwIfAborted();
    const ended = new Promise<never>((_, reject) => {
      stop = () => reject(either.reason);
      either.addEventListener("abort", stop, { once: true });
    });
    const working = work(either);
    working.catch(() => {});
    return await Promise.race([working, ended]);
  } catch (error) {
    throw limit.signal.aborted && !signal.aborted ? limit.signal.reason : error;
  } finally {
    clearTimeout(timer);
    either.removeEventListener("abort", stop);
  }
}
