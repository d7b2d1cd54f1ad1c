import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lockMirror } from "./mirror-lock.js";
import { processSpace, startOf } from "./process-life.js";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "galley-lock-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const soon = () => AbortSignal.timeout(15_000);
const ownStart = startOf(process.pid) ?? "0";

test("of many who want it at once, one at a time has it", async () => {
  let inside = 0;
  let most = 0;
  let turns = 0;
  const take = async () => {
    const lock = await lockMirror(directory, soon());
    most = Math.max(most, ++inside);
    turns++;
    await new Promise((resolve) => setImmediate(resolve));
    inside--;
    await lock.release();
  };
  for (let round = 0; round < 10; round++) await Promise.all(Array.from({ length: 5 }, take));
  expect(most).toBe(1);
  expect(turns).toBe(50);
  expect(readdirSync(directory)).toEqual([]);
});

test("who waits hears of the end of the waiting, and leaves no claim", async () => {
  const held = await lockMirror(directory, soon());
  const abort = new AbortController();
  const waiting = lockMirror(directory, abort.signal);
  abort.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
  expect(readdirSync(directory)).toHaveLength(1);
  await held.release();
});

test("a claim of a dead process is inherited; a living one in another container counts until it falls silent", async () => {
  writeFileSync(join(directory, `4194303.7.${processSpace()}.${"a".repeat(16)}`), "");
  const first = await lockMirror(directory, soon());
  expect(first.inherited).toBe(true);
  await first.release();
  const second = await lockMirror(directory, soon());
  expect(second.inherited).toBe(false);
  await second.release();
  const elsewhere = join(directory, `1.7.abc.${"b".repeat(16)}`);
  writeFileSync(elsewhere, "");
  await expect(lockMirror(directory, AbortSignal.timeout(300))).rejects.toThrow();
  const longAgo = new Date(Date.now() - 60_000);
  utimesSync(elsewhere, longAgo, longAgo);
  const third = await lockMirror(directory, soon());
  expect(third.inherited).toBe(true);
  await third.release();
});

test("what is no claim is left alone", async () => {
  mkdirSync(join(directory, "folder"));
  writeFileSync(join(directory, `${process.pid}.${ownStart}.x`), "");
  const lock = await lockMirror(directory, soon());
  await lock.release();
  expect(readdirSync(directory)).toHaveLength(2);
});
