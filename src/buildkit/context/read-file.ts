import { type BigIntStats, closeSync, constants, fstatSync, openSync, read, readSync } from "node:fs";
import { promisify } from "node:util";
import { BuildKitError } from "../errors.js";
import { systemPath } from "../fsutil/anchored.js";
import type { TreeEntry } from "../fsutil/tree.js";

/** An entry of a directory on disk, with what tells its file from one that takes its place later. */
export interface DiskEntry extends TreeEntry {
  readonly dev: bigint;
  readonly ino: bigint;
}

/** Up to here a file is read in one go on the event loop: less than what handing it to a thread and back costs. */
const smallBytes = 64 * 1024;
const chunkBytes = 256 * 1024;
const readAsync = promisify(read);

/**
 * The content of a file that was walked before. It is the very file of the walk, by device and inode, and has the size and
 * time it had then, before and after the reading: else `context_changed`. So a directory on the way that became a link to
 * somewhere else gives nothing away. A fifo put in its place does not block.
 */
export async function* readUnchanged(
  root: string,
  entry: TreeEntry,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const fd = openFile(root, entry);
  try {
    verify(fd, entry);
    if (entry.size <= smallBytes) {
      const content = Buffer.allocUnsafe(entry.size);
      if (fill(fd, content) < entry.size) throw changed(entry);
      verify(fd, entry);
      if (entry.size > 0) yield content;
      return;
    }
    for (let at = 0; at < entry.size; ) {
      signal.throwIfAborted();
      const chunk = Buffer.allocUnsafeSlow(Math.min(chunkBytes, entry.size - at));
      const { bytesRead } = await readAsync(fd, chunk, 0, chunk.length, at);
      if (bytesRead === 0) throw changed(entry);
      at += bytesRead;
      // Before the last piece goes out: the receiver must not get the whole of a file that was not whole.
      if (at === entry.size) verify(fd, entry);
      yield chunk.subarray(0, bytesRead);
    }
  } catch (error) {
    throw error instanceof BuildKitError || signal.aborted ? error : unreadable(entry, error);
  } finally {
    closeSync(fd);
  }
}

function openFile(root: string, entry: TreeEntry): number {
  const path = systemPath(`${Buffer.from(root).toString("latin1")}/${entry.path.toString("latin1")}`);
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const gone = ["ENOENT", "ENOTDIR", "ELOOP", "ENXIO"].includes(errorCode(error));
    throw gone ? changed(entry, error) : unreadable(entry, error);
  }
}

function verify(fd: number, entry: TreeEntry): void {
  const stat: BigIntStats = fstatSync(fd, { bigint: true });
  const known = entry as Partial<DiskEntry>;
  const same =
    stat.isFile() &&
    stat.ino === known.ino &&
    stat.dev === known.dev &&
    Number(stat.size) === entry.size &&
    stat.mtimeNs === entry.modTime;
  if (!same) throw changed(entry);
}

function fill(fd: number, target: Buffer): number {
  let at = 0;
  while (at < target.length) {
    const count = readSync(fd, target, at, target.length - at, at);
    if (count === 0) break;
    at += count;
  }
  return at;
}

function changed(entry: TreeEntry, cause?: unknown): BuildKitError {
  return new BuildKitError(
    "context_changed",
    `${entry.path.toString()} changed while the context was sent.`,
    {
      hint: "Build again when nothing writes to the build context, or name the file in .dockerignore.",
      cause,
    },
  );
}

function unreadable(entry: TreeEntry, cause: unknown): BuildKitError {
  return new BuildKitError("context_invalid", `Cannot read ${entry.path.toString()} (${errorCode(cause)}).`, {
    hint: "Make it readable, or name it in .dockerignore.",
    cause,
  });
}

/** The code of a system error, for example ENOENT; "unknown error" for anything else. */
export function errorCode(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "unknown error";
}
