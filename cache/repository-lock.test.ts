import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, readlink, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { withLock } from "./repository-lock.js";

let folder: string;
const never = new AbortController().signal;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "galley-lock-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** What the lock says of this process while it holds it: its number, its start, where numbers are its. */
async function heldBy(path: string): Promise<string[]> {
  return (await withLock(path, never, () => readlink(path))).split(":");
}

test("What says who holds it fits into an inode: it must be had on a full disk.", async () => {
  const path = join(folder, "lock");
  const text = await withLock(path, never, () => readlink(path));
  // ext4 keeps a link of less than 60 bytes there.
  expect(text.length).toBeLessThan(60);
});

test("A file of an earlier version holds it for as long as somebody says so.", async () => {
  const path = join(folder, "lock");
  await writeFile(path, "{}");
  const soon = AbortSignal.timeout(300);
  await expect(withLock(path, soon, async () => "taken")).rejects.toMatchObject({ name: "TimeoutError" });
  const long = new Date(Date.now() - 60_000);
  await utimes(path, long, long);
  expect(await withLock(path, never, async () => "taken")).toBe("taken");
});

test("Those who want a lock come one after the other.", async () => {
  const path = join(folder, "lock");
  let inside = 0;
  let most = 0;
  const work = async () => {
    most = Math.max(most, ++inside);
    await new Promise((resolve) => setImmediate(resolve));
    inside -= 1;
  };
  await Promise.all(Array.from({ length: 8 }, () => withLock(path, never, work)));
  expect(most).toBe(1);
});

test("What a killed process held is free, and what a living one holds is not.", async () => {
  const path = join(folder, "lock");
  // Its number and start, as the lock writes them.
  const [, , space] = await heldBy(path);
  const child = spawn("sleep", ["600"]);
  const stat = await readFile(`/proc/${child.pid}/stat`, "utf8");
  const start = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  await symlink([child.pid, start, space, "another"].join(":"), path);
  const soon = AbortSignal.timeout(300);
  await expect(withLock(path, soon, async () => "taken")).rejects.toMatchObject({ name: "TimeoutError" });
  child.kill("SIGKILL");
  await once(child, "close");
  expect(await withLock(path, never, async () => "taken")).toBe("taken");
});

test("A number that another process was given since does not hold it.", async () => {
  const path = join(folder, "lock");
  const [pid, , space] = await heldBy(path);
  await symlink([pid, "1", space, "another"].join(":"), path);
  expect(await withLock(path, never, async () => "taken")).toBe("taken");
});
