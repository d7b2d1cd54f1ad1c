import {
  closeSync,
  constants,
  fchmodSync,
  futimesSync,
  openSync,
  unlinkSync,
  write,
  writeSync,
} from "node:fs";
import { promisify } from "node:util";
import { BuildKitError } from "../errors.js";
import { chmodBits } from "./mode.js";
import { isThere, seconds, type TargetDirectory, temporaryName } from "./target-directory.js";
import type { TreeEntry } from "./tree.js";

const writeAsync = promisify(write);
/** Files up to here are written at once; larger ones by threads, so that a slow disk does not hold the event loop. */
const smallBytes = 64 * 1024;
const bufferBytes = 512 * 1024;

/** A file that is being received. It has its name at once where that is free; else it takes the place of what is there at the end. */
export class FileSink {
  private readonly directory: TargetDirectory;
  private readonly name: string;
  private readonly temporary: string | undefined;
  private readonly entry: TreeEntry;
  private readonly fd: number;
  private buffer: Buffer | undefined;
  private buffered = 0;
  private received = 0;
  private writing: Promise<void> | undefined;

  constructor(directory: TargetDirectory, name: string, entry: TreeEntry) {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    let temporary: string | undefined;
    let fd: number;
    try {
      fd = openSync(directory.at(name), flags, 0o600);
    } catch (error) {
      if (!isThere(error)) throw error;
      temporary = temporaryName();
      fd = openSync(directory.at(temporary), flags, 0o600);
    }
    this.directory = directory.enter();
    this.name = name;
    this.temporary = temporary;
    this.entry = entry;
    this.fd = fd;
  }

  /** Returns a promise when the disk is behind: await it before handing over more. `chunk` is copied. */
  write(chunk: Uint8Array): Promise<void> | undefined {
    this.received += chunk.length;
    if (this.received > this.entry.size) throw this.lengthError();
    if (this.buffered + chunk.length > bufferBytes) return this.writeAhead(chunk);
    this.keep(chunk);
    return undefined;
  }

  /** The whole file has arrived: writes the rest, sets mode and time, and gives the file its name. */
  async finish(): Promise<void> {
    if (this.received !== this.entry.size) throw this.lengthError();
    await this.writing;
    if (this.received <= smallBytes) this.flushNow();
    else await this.flush();
    const { mode, modTime } = this.entry;
    fchmodSync(this.fd, chmodBits(mode));
    futimesSync(this.fd, seconds(modTime), seconds(modTime));
    if (this.temporary !== undefined) this.directory.place(this.temporary, this.name);
    closeSync(this.fd);
    this.directory.leave();
  }

  /** Takes back what was written. For a file that is not finished, once. */
  async discard(): Promise<void> {
    await this.writing?.catch(() => {});
    closeSync(this.fd);
    unlinkSync(this.directory.at(this.temporary ?? this.name));
    this.directory.leave();
  }

  private keep(chunk: Uint8Array): void {
    this.buffer ??= Buffer.allocUnsafe(Math.min(bufferBytes, Math.max(this.entry.size, chunk.length)));
    this.buffer.set(chunk, this.buffered);
    this.buffered += chunk.length;
  }

  /** Starts writing the full buffer and goes on with a new one; waits while the one before is still being written. */
  private async writeAhead(chunk: Uint8Array): Promise<void> {
    const copy = Buffer.from(chunk);
    await this.writing;
    const writing = this.flush().then(() => this.writeAll(copy));
    this.writing = writing;
    // Whoever waits next hears of it; nobody may be waiting yet.
    writing.catch(() => {});
  }

  private async flush(): Promise<void> {
    const full = this.buffer?.subarray(0, this.buffered);
    this.buffer = undefined;
    this.buffered = 0;
    if (full !== undefined) await this.writeAll(full);
  }

  private async writeAll(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      at += (await writeAsync(this.fd, bytes, at, bytes.length - at)).bytesWritten;
    }
  }

  private flushNow(): void {
    const bytes = this.buffer?.subarray(0, this.buffered) ?? Buffer.alloc(0);
    for (let at = 0; at < bytes.length; ) at += writeSync(this.fd, bytes, at, bytes.length - at);
  }

  private lengthError(): BuildKitError {
    const name = this.entry.path.toString();
    return new BuildKitError(
      "protocol_violation",
      `The daemon announced ${this.entry.size} bytes of ${name} and sent another number.`,
    );
  }
}
