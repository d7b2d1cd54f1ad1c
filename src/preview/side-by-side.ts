/**
 * Does something with all of a list at once. The first that fails stops the others, and is thrown when all of them have ended:
 * nothing goes on behind the caller's back.
 */
export async function sideBySide<Item>(
  items: readonly Item[],
  signal: AbortSignal,
  work: (item: Item, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const others = new AbortController();
  const either = AbortSignal.any([signal, others.signal]);
  const failures: unknown[] = [];
  await Promise.all(
    items.map(async (item) => {
      try {
        await work(item, either);
      } catch (error) {
        failures.push(error);
        others.abort(error);
      }
    }),
  );
  signal.throwIfAborted();
  if (failures.length > 0) throw failures[0];
}
