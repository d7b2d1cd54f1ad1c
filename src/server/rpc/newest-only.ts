/**
 * Runs `work` for each key one at a time. Of what comes meanwhile only the newest is kept: who says the same thing again and again,
 * however fast, causes no more than one run at a time. Rejections go to `failed`.
 */
export function newestOnly<T>(
  work: (key: string, value: T) => Promise<void>,
  failed: (error: unknown, key: string) => void,
): (key: string, value: T) => void {
  const running = new Set<string>();
  const waiting = new Map<string, T>();
  const run = async (key: string, first: T): Promise<void> => {
    running.add(key);
    for (let value: T | undefined = first; value !== undefined; ) {
      try {
        await work(key, value);
      } catch (error) {
        failed(error, key);
      }
      value = waiting.get(key);
      waiting.delete(key);
    }
    running.delete(key);
  };
  return (key, value) => {
    if (running.has(key)) waiting.set(key, value);
    else void run(key, value);
  };
}
