import { randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { lstat, lutimes, mkdir, readlink, rename, rm, symlink } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

const beatMs = 5_000;
/** A holder that this process cannot see (another container) and that has said nothing for so long is dead. */
const silentMs = 30_000;
const pauseMs = 50;

interface Holder {
  readonly pid: number;
  readonly start: string;
  readonly space: string;
}

/**
 * The lock is a link to nowhere that says who holds it: its target is so short that it lies in the inode, and takes no block of the disk. On a
 * full one, where something is to be removed, a file could not be written.
 */
const textOf = ({ pid, start, space }: Holder, id: string) => [pid, start, space, id].join(":");

/**
 * Runs `work` while nobody else, in this process or another one of this host, changes what is stored for a repository. A holder that was
 * killed holds nothing. Throws the signal's reason.
 */
export async function withLock<T>(path: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  const own = textOf(self(), randomBytes(6).toString("hex"));
  for (;;) {
    signal.throwIfAborted();
    if (await take(path, own)) break;
    await removeDead(path);
    await wait(pauseMs * (0.5 + Math.random()), undefined, { signal }).catch(() => signal.throwIfAborted());
  }
  const beat = setInterval(() => {
    const now = new Date();
    lutimes(path, now, now).catch(() => {});
  }, beatMs);
  try {
    return await work();
  } finally {
    clearInterval(beat);
    if ((await readlink(path).catch(() => "")) === own) await rm(path, { force: true });
  }
}

async function take(path: string, own: string): Promise<boolean> {
  try {
    await symlink(own, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

async function removeDead(path: string): Promise<void> {
  const [text, found] = await Promise.all([
    readlink(path).catch(() => ""),
    lstat(path).catch(() => undefined),
  ]);
  if (found === undefined || !isDead(text, found.mtimeMs)) return;
  // Moved first: of two that find it dead one moves it, and what a third has taken since is given back.
  const aside = `${path}.${randomBytes(6).toString("hex")}.dead`;
  await rename(path, aside).catch(() => {});
  const moved = await readlink(aside).catch(() => text);
  if (moved !== text) await rename(aside, path).catch(() => {});
  await rm(aside, { force: true });
}

function isDead(text: string, beatAt: number): boolean {
  const [pid = "", start, space] = text.split(":");
  // Nothing that was written here: a file of an earlier version.
  if (space !== self().space || !/^\d{1,10}$/.test(pid)) return Date.now() - beatAt > silentMs;
  return startOf(Number(pid)) !== start;
}

let known: Holder | undefined;
function self(): Holder {
  known ??= { pid: process.pid, start: startOf(process.pid) ?? "", space: pidSpace() };
  return known;
}

function pidSpace(): string {
  try {
    return readlinkSync("/proc/self/ns/pid").replace(/\D/g, "");
  } catch {
    return "";
  }
}

/** When a process began, so that another one of the same number is told apart. */
function startOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
