import { expect, test } from "vitest";
import { Opened } from "./opened.js";

test("What was opened is told to who looks, is remembered until it is forgotten, and only the newest thousand are.", () => {
  const opened = new Opened();
  opened.add(["early"]);
  const looked: string[] = [];
  const stop = opened.onOpened((id) => looked.push(id));
  opened.add(["a", "b"]);
  expect(looked).toEqual(["a", "b"]);
  opened.forget("a");
  expect([opened.has("early"), opened.has("a"), opened.has("b")]).toEqual([true, false, true]);
  stop();
  opened.add(["c"]);
  expect(looked).toEqual(["a", "b"]);
  opened.add(Array.from({ length: 1_000 }, (_, n) => `other ${n}`));
  expect([opened.has("b"), opened.has("other 0"), opened.has("other 999")]).toEqual([false, true, true]);
});
