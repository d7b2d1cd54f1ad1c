import { abortAfter } from "../deadline.js";
import type { ProgressOutput } from "./renderer.js";

/** Characters that may wait for a slow reader before log lines are left out, and then before everything is. */
const defaultLimit = 8 * 1024 * 1024;
const hardLimitFactor = 4;
/** Characters that may wait before whoever gives more should wait, too. */
const pauseAbove = 1024 * 1024;
const longestChunk = 256 * 1024;
const closeDeadline = 5000;

/**
 * Writes to an output that may be slow without filling the memory. Whoever waits for `drained` loses nothing. For those who
 * cannot, everything waits its turn until `congested`. A renderer then leaves log lines out, and says so, but still writes what steps do; at four times the
 * limit (only a flood of something else than logs gets there) whole pieces are lost.
 */
export class PacedWriter {
  readonly #output: ProgressOutput;
  readonly #limit: number;
  #queue: string[] = [];
  #queued = 0;
  #blocked = false;
  #waiters: (() => void)[] = [];

  constructor(output: ProgressOutput, limit: number = defaultLimit) {
    this.#output = output;
    this.#limit = limit;
    output.on("drain", this.#onDrain);
  }

  /** The reader is so slow that log lines should no longer be given to `write`. */
  get congested(): boolean {
    return this.#queued > this.#limit;
  }

  /** The output has not yet taken what it was given: a frame that can be skipped should be. */
  get blocked(): boolean {
    return this.#blocked;
  }

  /** Resolves when the output has taken enough for more to be given; undefined when that may be at once. */
  drained(): Promise<void> | undefined {
    if (this.#queued <= pauseAbove) return undefined;
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  write(text: string): void {
    if (text === "" || this.#queued > this.#limit * hardLimitFactor) return;
    if (this.#blocked) {
      this.#queue.push(text);
      this.#queued += text.length;
    } else {
      this.#blocked = !this.#output.write(text);
    }
  }

  /**
   * Resolves when everything is written, or is given up: with `signal`, else after five seconds. A reader that is gone, and not
   * only slow, holds up nobody.
   */
  async close(signal?: AbortSignal): Promise<void> {
    const deadline = signal ?? abortAfter(closeDeadline);
    if (this.#blocked && !deadline.aborted) {
      await new Promise<void>((resolve) => {
        this.#waiters.push(resolve);
        deadline.addEventListener("abort", () => resolve(), { once: true });
      });
    }
    this.#output.off("drain", this.#onDrain);
    for (const resolve of this.#waiters.splice(0)) resolve();
  }

  readonly #onDrain = () => {
    this.#blocked = false;
    while (!this.#blocked && this.#queue.length > 0) {
      let length = 0;
      let count = 0;
      while (count < this.#queue.length && length < longestChunk) length += this.#queue[count++]?.length ?? 0;
      this.#queued -= length;
      this.#blocked = !this.#output.write(this.#queue.splice(0, count).join(""));
    }
    if (this.#blocked) return;
    for (const resolve of this.#waiters.splice(0)) resolve();
  };
}
