import { expect, test } from "vitest";
import { untilMoved } from "./switch-over.js";

const change = { to: ["new"], from: ["old"] };
const never = new AbortController().signal;
/** Longer than a test may take. */
const LONG_MS = 600_000;

test("where the proxy says that requests have moved nobody waits longer", async () => {
  const asked: unknown[] = [];
  const moved = async (what: unknown) => void asked.push(what);
  await untilMoved(change, { moved, limitMs: LONG_MS, signal: never });
  expect(asked).toEqual([change]);
});

test("a proxy that cannot be asked, does not know or never says so costs the whole time, and is asked no longer", async () => {
  for (const moved of [undefined, () => Promise.reject(new Error("no answer"))])
    await untilMoved(change, { moved, limitMs: 5, signal: never });
  let ended: AbortSignal | undefined;
  const silent = (_: unknown, signal: AbortSignal) => {
    ended = signal;
    return new Promise<void>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  };
  await untilMoved(change, { moved: silent, limitMs: 5, signal: never });
  expect(ended?.aborted).toBe(true);
});

test("the signal ends the wait", async () => {
  const over = new AbortController();
  const waiting = untilMoved(change, { moved: undefined, limitMs: LONG_MS, signal: over.signal });
  over.abort();
  await waiting;
});
