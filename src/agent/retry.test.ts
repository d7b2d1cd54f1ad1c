import { expect, test } from "vitest";
import { retry } from "./retry.js";

test("what is told to end while it waits for its next try ends with the reason", async () => {
  const ending = new AbortController();
  const reason = new Error("told to end");
  const work = retry(() => Promise.reject(new Error("away")), {
    attempts: 10,
    baseMs: 3600_000,
    mostMs: 3600_000,
    signal: ending.signal,
    worthIt: () => true,
    onRetry: () => setImmediate(() => ending.abort(reason)),
  });
  await expect(work).rejects.toBe(reason);
});

test("what does not succeed ends with the last error after as many tries as were allowed", async () => {
  let tries = 0;
  const work = () => {
    tries += 1;
    return Promise.reject(new Error(`away ${tries}`));
  };
  const options = { baseMs: 1, signal: new AbortController().signal, worthIt: () => true };
  await expect(retry(work, { attempts: 3, ...options })).rejects.toThrow("away 3");
  expect(tries).toBe(3);
});
