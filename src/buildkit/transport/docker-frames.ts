import { Duplex } from "node:stream";
import { BuildKitError } from "../errors.js";

const headerBytes = 8;
const stdout = 1;
const highestStream = 3;
const keptStderrBytes = 4096;
/** An HTTP/2 server begins with a SETTINGS frame: three bytes of length, then its type. */
const typeAt = 3;
const settingsFrame = 4;
/** dockerd copies in pieces of 32 KiB; a length beyond this is not one of its frames. */
const frameLimit = 16 << 20;

/**
 * The stdio of an exec without a terminal. What comes in are frames: stream (1 stdout, 2 stderr, 3 the engine's own errors), three zero bytes, length
 * as big-endian uint32, payload. What goes out is stdin as it is. stdout is what is read here, as soon as it
 * begins as HTTP/2 does; stderr, and anything else on stdout, is kept for the error that then ends the stream.
 */
export class ExecStream extends Duplex {
  readonly #raw: Duplex;
  readonly #what: string;
  #pending: Buffer = Buffer.alloc(0);
  #frame: { readonly stream: number; left: number } | undefined;
  #stderr = "";
  #answered = false;
  #first: Buffer = Buffer.alloc(0);

  constructor(raw: Duplex, what: string) {
    super({ allowHalfOpen: false });
    this.#raw = raw;
    this.#what = what;
    raw.on("data", (chunk: Buffer) => this.#take(chunk));
    raw.on("end", () => this.#finish());
    raw.on("close", () => this.#finish());
    raw.on("error", (error) => this.destroy(error));
  }

  #take(chunk: Buffer): void {
    let bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    while (bytes.length > 0) {
      if (this.#frame === undefined) {
        if (bytes.length < headerBytes) break;
        const left = bytes.readUInt32BE(4);
        const stream = bytes.readUInt8(0);
        if (stream > highestStream || left > frameLimit) {
          this.destroy(
            new BuildKitError("protocol_violation", `${this.#what} sent something that is not a frame`),
          );
          return;
        }
        this.#frame = { stream, left };
        bytes = bytes.subarray(headerBytes);
        if (left === 0) this.#frame = undefined;
        continue;
      }
      const part = bytes.subarray(0, this.#frame.left);
      bytes = bytes.subarray(part.length);
      this.#hand(this.#frame.stream, part);
      this.#frame.left -= part.length;
      if (this.#frame.left === 0) this.#frame = undefined;
    }
    this.#pending = bytes;
  }

  #hand(stream: number, part: Buffer): void {
    if (stream !== stdout) {
      this.#stderr = (this.#stderr + part.toString("utf8")).slice(-keptStderrBytes);
      return;
    }
    if (this.#answered) {
      if (!this.push(part)) this.#raw.pause();
      return;
    }
    this.#first = Buffer.concat([this.#first, part]);
    if (this.#first.length < typeAt + 1) return;
    if (this.#first[typeAt] === settingsFrame) {
      this.#answered = true;
      this.push(this.#first);
    } else {
      // "OCI runtime exec failed: ...": the engine says so on stdout when the command cannot be started.
      this.#stderr = (this.#stderr + this.#first.toString("utf8")).slice(-keptStderrBytes);
      this.#first = Buffer.alloc(0);
    }
  }

  #finish(): void {
    const said = this.#stderr.trim();
    if (this.#answered || said === "") this.push(null);
    else {
      this.destroy(
        new BuildKitError("daemon_unreachable", `${this.#what} failed: ${said}`, {
          hint: "The container must be one of the image moby/buildkit, with its buildkitd running.",
        }),
      );
    }
  }

  override _read(): void {
    this.#raw.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#raw.writableEnded || this.#raw.destroyed) done();
    else this.#raw.write(chunk, () => done());
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#raw.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#raw.destroy();
    done(error);
  }
}
