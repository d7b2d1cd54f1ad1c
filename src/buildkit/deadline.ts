/**
 * Aborted after so many milliseconds. In place of `AbortSignal.timeout`, which Node 20 forgets when it collects garbage once the signal is only
 * part of another one made by `AbortSignal.any`: the deadline never comes (seen with 20.20.2).
 */
export function abortAfter(ms: number): AbortSignal {
  const late = new AbortController();
  setTimeout(() => late.abort(new DOMException("It took too long.", "TimeoutError")), ms).unref();
  return late.signal;
}

/** Aborted with the signal, where there is one, or after so many milliseconds. */
export function withDeadline(signal: AbortSignal | undefined, ms: number): AbortSignal {
  return signal === undefined ? abortAfter(ms) : AbortSignal.any([signal, abortAfter(ms)]);
}
