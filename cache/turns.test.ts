import { expect, test } from "vitest";
import { Turns } from "./turns.js";

const { signal } = new AbortController();

test("Works of one name come one after the other, also behind one that fails; those of another do not wait.", async () => {
  const turns = new Turns();
  const seen: string[] = [];
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const first = turns.take("a", signal, async () => {
    await held;
    seen.push("first");
    throw new Error("failed");
  });
  const second = turns.take("a", signal, async () => seen.push("second"));
  await turns.take("b", signal, async () => seen.push("other"));
  release();
  await expect(first).rejects.toThrow("failed");
  await second;
  expect(seen).toEqual(["other", "first", "second"]);
});

test("Who gives up waiting does so at once, and those behind it still wait for the one before.", async () => {
  const turns = new Turns();
  const seen: string[] = [];
  let release = () => {};
  const first = turns.take("a", signal, async () => {
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    seen.push("first");
  });
  const impatient = new AbortController();
  const second = turns.take("a", impatient.signal, async () => seen.push("second"));
  const third = turns.take("a", signal, async () => seen.push("third"));
  impatient.abort(new Error("enough"));
  await expect(second).rejects.toThrow("enough");
  expect(seen).toEqual([]);
  release();
  await Promise.all([first, third]);
  expect(seen).toEqual(["first", "third"]);
});
