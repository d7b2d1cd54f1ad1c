import { EventEmitter } from "node:events";
import { constants, fstatSync, openSync, write } from "node:fs";
import { Socket } from "node:net";
import type { Clock, ProgressOutput } from "./renderer.js";

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
 * to without blocking: Node itself writes to them synchronously, and a reader that pauses (`| less`) would stop the event
 * loop, the session's health checks with it, and so in the end the build.
 */
export function openOutput(stream: NodeJS.WriteStream & { readonly fd: number }): ProgressOutput {
  if (stream.isTTY) return stream;
  const pipe = reopenPipe(stream.fd);
  return pipe === undefined ? new FileOutput(stream.fd) : new PipeOutput(pipe);
}

/**
 * The same pipe once more, non-blocking. The flag belongs to what `open` makes and not to the pipe, so that processes
 * which write to it beside us do not notice. Undefined for what is no pipe, and where there is no /proc.
 */
function reopenPipe(fd: number): Socket | undefined {
  try {
    if (!fstatSync(fd).isFIFO()) return undefined;
    const own = openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
    return new Socket({ fd: own, readable: false, writable: true });
  } catch {
    return undefined;
  }
}

class PipeOutput extends EventEmitter implements ProgressOutput {
  readonly isTTY = false;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    super();
    this.#socket = socket;
    // Nobody reads any more: the build goes on all the same.
    socket.on("error", () => this.emit("drain"));
  }

  write(chunk: string): boolean {
    if (this.#socket.destroyed) return true;
    this.#socket.write(chunk, () => {
      if (this.#socket.writableLength === 0) this.emit("drain");
    });
    // Not before the bytes are out: who has seen `drain` may end the process.
    return this.#socket.writableLength === 0;
  }
}

// For files, and for what cannot be made non-blocking. A thread that hangs in a write would hold up the end of the process,
// which is why pipes are not written to in this way.
class FileOutput extends EventEmitter implements ProgressOutput {
  readonly isTTY = false;
  readonly #fd: number;
  #waiting: Buffer[] = [];
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
    if (!this.#writing) this.#next();
    // Not before the bytes are out: who has seen `drain` may end the process.
    return !this.#writing;
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
