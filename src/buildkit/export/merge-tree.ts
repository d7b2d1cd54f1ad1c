import { chmod, lstat, opendir, rename, rm, utimes } from "node:fs/promises";

/**
 * Moves what is in one directory into another on the same file system. Directories that both have are joined and get the
 * moved one's mode and times; anything else is replaced, each by one rename. Links in the destination are replaced, never
 * followed: nothing is written outside. Names are bytes, for a file name need not be text.
 */
export async function mergeTree(from: string, to: string): Promise<void> {
  await mergeDirectory(Buffer.from(from), Buffer.from(to));
}

/** Removes a tree, directories without permissions included. */
export async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EACCES") throw error;
    await openUp(Buffer.from(path));
    await rm(path, { recursive: true, force: true });
  }
}

const slash = Buffer.from("/");
const below = (directory: Buffer, name: Buffer): Buffer => Buffer.concat([directory, slash, name]);

async function mergeDirectory(from: Buffer, to: Buffer): Promise<void> {
  for (const name of await namesIn(from)) {
    const source = below(from, name);
    const target = below(to, name);
    const moved = await lstat(source);
    const there = await lstat(target).catch(ignoreMissing);
    if (!moved.isDirectory()) {
      if (there?.isDirectory()) await rm(toPath(target), { recursive: true, force: true });
      await rename(source, target);
      continue;
    }
    // Moving a directory rewrites its `..`, which takes write permission on it.
    await chmod(source, moved.mode | 0o700);
    if (there?.isDirectory()) {
      // An earlier export may have closed it.
      if ((there.mode & 0o300) !== 0o300) await chmod(target, there.mode | 0o700);
      await mergeDirectory(source, target);
    } else {
      if (there !== undefined) await rm(toPath(target), { force: true });
      await rename(source, target);
    }
    await utimes(target, moved.atime, moved.mtime);
    await chmod(target, moved.mode & 0o7777);
  }
}

async function openUp(directory: Buffer): Promise<void> {
  await chmod(directory, 0o700);
  for (const name of await namesIn(directory)) {
    const path = below(directory, name);
    if ((await lstat(path)).isDirectory()) await openUp(path);
  }
}

async function namesIn(directory: Buffer): Promise<Buffer[]> {
  const names: Buffer[] = [];
  // The types know names as text only; with this encoding they are bytes.
  const entries = await opendir(directory as unknown as string, { encoding: "buffer" as BufferEncoding });
  for await (const entry of entries) names.push(entry.name as unknown as Buffer);
  return names;
}

/** `rm` takes bytes as well; its types too, but not everywhere in Node 20's. */
function toPath(path: Buffer): string {
  return path as unknown as string;
}

function ignoreMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
  throw error;
}
