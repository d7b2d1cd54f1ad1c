/** Lets works of the same name come one after the other, in the order in which they were asked for. */
export class Turns {
  readonly #last = new Map<string, Promise<void>>();

  /** Rejects with the signal's reason while it waits for its turn. */
  async take<T>(name: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(name) ?? Promise.resolve();
    let done = () => {};
    const mine = new Promise<void>((resolve) => {
      done = resolve;
    });
    // Who gives up waiting is no reason for those behind it to begin before their time.
    const last = before.then(() => mine);
    this.#last.set(name, last);
    try {
      await untilAborted(before, signal);
      return await work();
    } finally {
      done();
      if (this.#last.get(name) === last) void last.then(() => this.#forget(name, last));
    }
  }

  #forget(name: string, last: Promise<void>): void {
    if (this.#last.get(name) === last) this.#last.delete(name);
  }
}

async function untilAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  let stop = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
  });
  try {
    await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
