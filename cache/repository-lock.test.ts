import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
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
  let text = "";
  await withLock(path, never, async () => {
    text = await readFile(path, "utf8");
  });
  const child = spawn("sleep", ["600"]);
  const stat = await readFile(`/proc/${child.pid}/stat`, "utf8");
  const start = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  await writeFile(path, JSON.stringify({ ...JSON.parse(text), pid: child.pid, start }));
  const soon = AbortSignal.timeout(300);
  await expect(withLock(path, soon, async () => "taken")).rejects.toMatchObject({ name: "TimeoutError" });
  child.kill("SIGKILL");
  await once(child, "close");
  expect(await withLock(path, never, async () => "taken")).toBe("taken");
});

test("A number that another process was given since does not hold it.", async () => {
  const path = join(folder, "lock");
  let text = "";
  await withLock(path, never, async () => {
    text = await readFile(path, "utf8");
  });
  await writeFile(path, JSON.stringify({ ...JSON.parse(text), start: "1" }));
  expect(await withLock(path, never, async () => "taken")).toBe("taken");
});
