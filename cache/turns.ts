import { orAborted } from "../src/errors/index.js";

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
      await orAborted(before, signal);
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
