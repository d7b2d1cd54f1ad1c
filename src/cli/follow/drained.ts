/** Resolves when what was written has gone to the reader. Rejects with the signal's reason. */
export function drained(stream: NodeJS.WriteStream, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = (end: () => void) => () => {
      signal.removeEventListener("abort", stop);
      stream.off("drain", go);
      end();
    };
    const go = leave(resolve);
    const stop = leave(() => reject(signal.reason));
    stream.once("drain", go);
    signal.addEventListener("abort", stop, { once: true });
  });
}
