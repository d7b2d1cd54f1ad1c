/**
 * For a promise that is awaited only after something else: should that fail first, the test has ended, and a rejection of this one that
 * nobody awaits any more would end the whole run.
 */
export function awaitedLater<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => {});
  return promise;
}
