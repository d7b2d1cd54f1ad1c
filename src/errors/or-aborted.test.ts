import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { orAborted } from "./index.js";

test("What comes first counts, the promise or the signal, and nothing is left listening.", async () => {
  const { signal } = new AbortController();
  expect(await orAborted(Promise.resolve(1), signal)).toBe(1);
  await expect(orAborted(Promise.reject(new Error("no")), signal)).rejects.toThrow("no");
  expect(getEventListeners(signal, "abort")).toEqual([]);
  const over = new AbortController();
  const waiting = orAborted(new Promise(() => {}), over.signal);
  over.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
  await expect(orAborted(Promise.resolve(), over.signal)).rejects.toThrow("enough");
});
