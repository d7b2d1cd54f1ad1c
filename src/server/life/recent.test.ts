import { expect, test } from "vitest";
import { createRecent } from "./recent.js";

test("A name is recent for a while after it was added last, and only the newest thousand are kept.", () => {
  let now = 0;
  const recent = createRecent(100, () => now);
  expect(recent.has("a")).toBe(false);
  recent.add("a");
  now = 50;
  recent.add("a");
  now = 149;
  expect(recent.has("a")).toBe(true);
  now = 150;
  expect(recent.has("a")).toBe(false);
  recent.add("first");
  for (let n = 0; n < 1_000; n += 1) recent.add(`other ${n}`);
  expect([recent.has("first"), recent.has("other 0"), recent.has("other 999")]).toEqual([false, true, true]);
});
