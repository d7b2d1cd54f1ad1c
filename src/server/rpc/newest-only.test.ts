import { expect, test } from "vitest";
import { newestOnly } from "./newest-only.js";

test("of what comes while one runs only the newest is done, by each key", async () => {
  const done: string[] = [];
  const gates: (() => void)[] = [];
  const say = newestOnly<number>(
    async (key, value) => {
      await new Promise<void>((resolve) => gates.push(resolve));
      done.push(`${key}${value}`);
    },
    () => {},
  );
  for (const value of [1, 2, 3]) say("a", value);
  say("b", 1);
  while (gates.length > 0) {
    gates.shift()?.();
    await new Promise(setImmediate);
  }
  expect(done).toEqual(["a1", "b1", "a3"]);
});

test("one that fails is told, and the next is done all the same", async () => {
  const failed: unknown[] = [];
  const done: number[] = [];
  const say = newestOnly<number>(
    async (_, value) => {
      if (value === 1) throw new TypeError("no");
      done.push(value);
    },
    (error) => failed.push(error),
  );
  say("a", 1);
  say("a", 2);
  await new Promise(setImmediate);
  expect(failed).toHaveLength(1);
  expect(done).toEqual([2]);
});
