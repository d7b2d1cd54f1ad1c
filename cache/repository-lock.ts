import { randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { mkdir, open, readFile, rename, rm, stat, utimes } from "node:fs/promises";
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
 * Runs `work` while nobody else, in this process or another one of this host, changes what is stored for a repository. A holder that was
 * killed holds nothing. Throws the signal's reason.
 */
export async function withLock<T>(path: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), { recursive: true });
  const own = JSON.stringify({ ...self(), id: randomBytes(6).toString("hex") });
  for (;;) {
    signal.throwIfAborted();
    if (await take(path, own)) break;
    await removeDead(path);
    await wait(pauseMs * (0.5 + Math.random()), undefined, { signal }).catch(() => signal.throwIfAborted());
  }
  const beat = setInterval(() => {
    const now = new Date();
    utimes(path, now, now).catch(() => {});
  }, beatMs);
  try {
    return await work();
  } finally {
    clearInterval(beat);
    if ((await readFile(path, "utf8").catch(() => "")) === own) await rm(path, { force: true });
  }
}

async function take(path: string, own: string): Promise<boolean> {
  try {
    const file = await open(path, "wx", 0o600);
    try {
      await file.writeFile(own);
    } finally {
      await file.close();
    }
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    // A full disk may have left it empty.
    await rm(path, { force: true });
    throw error;
  }
}

async function removeDead(path: string): Promise<void> {
  const [text, found] = await Promise.all([
    readFile(path, "utf8").catch(() => undefined),
    stat(path).catch(() => undefined),
  ]);
  if (text === undefined || found === undefined || !isDead(text, found.mtimeMs)) return;
  // Moved first: of two that find it dead one moves it, and what a third has taken since is given back.
  const aside = `${path}.${randomBytes(6).toString("hex")}.dead`;
  await rename(path, aside).catch(() => {});
  const moved = await readFile(aside, "utf8").catch(() => text);
  if (moved !== text) await rename(aside, path).catch(() => {});
  await rm(aside, { force: true });
}

function isDead(text: string, beatAt: number): boolean {
  let holder: Partial<Holder>;
  try {
    holder = Object(JSON.parse(text)) as Partial<Holder>;
  } catch {
    // Being written, or half written by somebody who died.
    return Date.now() - beatAt > silentMs;
  }
  if (holder.space !== self().space || typeof holder.pid !== "number") return Date.now() - beatAt > silentMs;
  return startOf(holder.pid) !== holder.start;
}

let known: Holder | undefined;
function self(): Holder {
  known ??= { pid: process.pid, start: startOf(process.pid) ?? "", space: pidSpace() };
  return known;
}

function pidSpace(): string {
  try {
    return readlinkSync("/proc/self/ns/pid");
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
