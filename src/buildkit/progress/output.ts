import { EventEmitter } from "node:events";
import { write } from "node:fs";
import type { Clock, ProgressOutput } from "./renderer.js";

const highWaterMark = 64 * 1024;
const retryDelay = 10;

export function systemClock(): Clock {
  return {
    now: () => Date.now(),
    every: (milliseconds, tick) => {
      const timer = setInterval(tick, milliseconds);
      timer.unref();
      return () => clearInterval(timer);
    },
  };
}

/**
 * An output for progress over one of the process's own streams. A terminal is used as it is. Pipes and files are written
 * to on another thread: Node writes to them synchronously, and a reader that pauses (`| less`) would stop the event loop,
 * the session's health checks with it, and so in the end the build.
 */
export function openOutput(stream: NodeJS.WriteStream & { readonly fd: number }): ProgressOutput {
  return stream.isTTY ? stream : new DescriptorOutput(stream.fd);
}

class DescriptorOutput extends EventEmitter implements ProgressOutput {
  readonly isTTY = false;
  readonly #fd: number;
  #waiting: Buffer[] = [];
  #size = 0;
  #writing = false;
  #gone = false;

  constructor(fd: number) {
    super();
    this.#fd = fd;
  }

  write(chunk: string): boolean {
    if (this.#gone) return true;
    const bytes = Buffer.from(chunk);
    this.#waiting.push(bytes);
    this.#size += bytes.length;
    if (!this.#writing) this.#next();
    return this.#size < highWaterMark;
  }

  #next(): void {
    const bytes = this.#waiting.length === 1 ? this.#waiting[0] : Buffer.concat(this.#waiting);
    this.#waiting = [];
    if (bytes === undefined || bytes.length === 0) {
      this.#writing = false;
      this.emit("drain");
      return;
    }
    this.#writing = true;
    write(this.#fd, bytes, (error, written) => {
      if (error?.code === "EAGAIN") {
        // Another process has made the shared pipe non-blocking, and it is full.
        this.#waiting.unshift(bytes);
        setTimeout(() => this.#next(), retryDelay);
        return;
      }
      // Whatever else it says, nobody reads any more (EPIPE) or nothing can be stored (ENOSPC): the build goes on.
      this.#gone = error !== null;
      this.#size -= error === null ? written : this.#size;
      if (this.#gone) this.#waiting = [];
      else if (written < bytes.length) this.#waiting.unshift(bytes.subarray(written));
      this.#next();
    });
  }
}

/** For `TtyOptions.onExit`: what is registered is done when the process ends, whoever ends it with `process.exit`. */
export function onProcessExit(restore: () => void): () => void {
  process.once("exit", restore);
  return () => process.off("exit", restore);
}
