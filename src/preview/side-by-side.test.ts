import { expect, test } from "vitest";
import { sideBySide } from "./side-by-side.js";

test("the first failure stops the others, is what is thrown, and nothing goes on afterwards", async () => {
  const ended: string[] = [];
  const work = (item: string, signal: AbortSignal) =>
    item === "fails"
      ? Promise.reject(new Error("first"))
      : new Promise<void>((_, reject) => {
          signal.addEventListener("abort", () => {
            ended.push(item);
            reject(new Error("only stopped"));
          });
        });
  const running = sideBySide(["a", "fails", "b"], new AbortController().signal, work);
  await expect(running).rejects.toThrow("first");
  expect(ended).toEqual(["a", "b"]);
});

test("the caller's own reason is what is thrown when it was the caller who stopped it", async () => {
  const abort = new AbortController();
  const running = sideBySide(["a"], abort.signal, async () => {
    abort.abort(new Error("mine"));
    throw new Error("of the work");
  });
  await expect(running).rejects.toThrow("mine");
});
