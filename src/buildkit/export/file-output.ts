import { randomBytes } from "node:crypto";
import { type FileHandle, lstat, mkdir, open, realpath, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { Writable } from "node:stream";

/** How much may wait in memory for the disk, in bytes. */
const highWaterMark = 4 * 1024 * 1024;

/**
 * Opens a file to write a result into. The bytes go to a hidden file beside the destination, which takes its name when
 * the stream has ended, and is removed when the stream is destroyed: nobody ever finds half a result under the name. A
 * link is followed, so that it stays a link; a device or a pipe is written straight, for there is nothing to rename.
 * Power loss is not covered: nothing is flushed to the disk.
 */
export async function openFileOutput(destination: string): Promise<Writable> {
  const target = await followLinks(destination);
  const found = await lstat(target).catch(ignoreMissing);
  if (found !== undefined && !found.isFile()) {
    return new FileOutput(await open(target, "w"), undefined);
  }
  await mkdir(dirname(target), { recursive: true });
  const temporary = temporaryBeside(target);
  return new FileOutput(await open(temporary, "wx", 0o666), { temporary, target });
}

/** A hidden name in the directory of `path` that nothing else uses, short enough for any file system. */
export function temporaryBeside(path: string): string {
  return join(dirname(path), `.${basename(path).slice(0, 40)}.${randomBytes(6).toString("hex")}.part`);
}

class FileOutput extends Writable {
  readonly #file: FileHandle;
  readonly #move: { readonly temporary: string; readonly target: string } | undefined;
  #moved = false;
  /** The write under way: closing the descriptor below it would let it land in whatever file gets that number next. */
  #writing: Promise<void> = Promise.resolve();

  constructor(file: FileHandle, move: { readonly temporary: string; readonly target: string } | undefined) {
    super({ highWaterMark, decodeStrings: true });
    this.#file = file;
    this.#move = move;
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#writing = writeAll(this.#file, [chunk]);
    this.#writing.then(() => done(), done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#writing = writeAll(
      this.#file,
      chunks.map(({ chunk }) => chunk),
    );
    this.#writing.then(() => done(), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#finish().then(() => done(), done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#cleanUp().then(
      () => done(error),
      (cause) => done(error ?? cause),
    );
  }

  async #finish(): Promise<void> {
    await this.#file.close();
    if (this.#move === undefined) return;
    await rename(this.#move.temporary, this.#move.target);
    this.#moved = true;
  }

  async #cleanUp(): Promise<void> {
    await this.#writing.catch(() => undefined);
    await this.#file.close();
    if (this.#move !== undefined && !this.#moved) await rm(this.#move.temporary, { force: true });
  }
}

async function writeAll(file: FileHandle, chunks: readonly Uint8Array[]): Promise<void> {
  let rest = chunks.filter((chunk) => chunk.byteLength > 0);
  while (rest.length > 0) {
    // At most 1024 pieces may be handed to writev at once, and it may take fewer bytes than it was given.
    let { bytesWritten } = await file.writev(rest.slice(0, 1024));
    const left: Uint8Array[] = [];
    for (const chunk of rest) {
      const taken = Math.min(bytesWritten, chunk.byteLength);
      bytesWritten -= taken;
      if (taken < chunk.byteLength) left.push(chunk.subarray(taken));
    }
    rest = left;
  }
}

async function followLinks(path: string): Promise<string> {
  return (await realpath(path).catch(ignoreMissing)) ?? path;
}

function ignoreMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
  throw error;
}
