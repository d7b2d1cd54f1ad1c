/**
 * Aborted with the signal, or after so many milliseconds. `AbortSignal.any` with `AbortSignal.timeout` would not do: Node 20 forgets the
 * second one when it collects garbage, and the deadline never comes (seen with 20.20.2).
 */
export function withDeadline(signal: AbortSignal, ms: number): AbortSignal {
  const limit = new AbortController();
  setTimeout(() => limit.abort(new DOMException("It took too long.", "TimeoutError")), ms).unref();
  return AbortSignal.any([signal, limit.signal]);
}
