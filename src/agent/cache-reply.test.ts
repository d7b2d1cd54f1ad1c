import { expect, test } from "vitest";
import { runtimePiece } from "../bus/index.js";
import { type CacheReply, tellCacheAnswer } from "./cache-reply.js";

const { signal } = new AbortController();

test("An answer goes out in pieces that the bus takes, after a word at once, and is whole again when they are put together.", async () => {
  const answer = { text: "ä😀\u001b".repeat(60_000), list: Array.from({ length: 20_000 }, (_, n) => n) };
  const told: CacheReply[] = [];
  await tellCacheAnswer({
    answer: async () => answer,
    tell: async (reply) => void told.push(reply),
    ended: signal,
  });
  expect(told[0]).toEqual({ type: "progress", progress: null });
  const texts = told.flatMap((reply) => (reply.type === "piece" ? [reply.text] : []));
  // As they arrive: a pair of surrogates may have been cut in two.
  const arrived = texts.map((text) => JSON.parse(JSON.stringify({ text })).text as string);
  expect(JSON.parse(arrived.join(""))).toEqual(answer);
  for (const text of texts) {
    expect(text.length).toBeLessThanOrEqual(runtimePiece);
    expect(Buffer.byteLength(JSON.stringify(text))).toBeLessThan(512 * 1024);
  }
});

test("How far it is is told while it is made, and not once for each of many small steps.", async () => {
  const told: CacheReply[] = [];
  let go: () => void = () => {};
  const seen = new Promise<void>((resolve) => {
    go = resolve;
  });
  await tellCacheAnswer({
    answer: async (onProgress) => {
      for (let done = 1; done <= 1_000; done += 1) onProgress({ done, total: 1_000, what: "mounts read" });
      await seen;
      return [];
    },
    tell: async (reply) => {
      told.push(reply);
      if (reply.type === "progress" && reply.progress) go();
    },
    ended: signal,
    progressMs: 5,
  });
  const progress = told.flatMap((reply) => (reply.type === "progress" ? [reply.progress] : []));
  expect(progress).toEqual([null, { done: 1_000, total: 1_000, what: "mounts read" }]);
  expect(told.at(-1)).toEqual({ type: "piece", text: "[]" });
});

test("When the reader leaves, the work is told to end, and nothing more is said.", async () => {
  const leave = new AbortController();
  let stopped: AbortSignal | undefined;
  const told: CacheReply[] = [];
  const telling = tellCacheAnswer({
    answer: (_, ended) => {
      stopped = ended;
      leave.abort();
      return new Promise((_resolve, reject) => reject(ended.reason));
    },
    tell: async (reply) => void told.push(reply),
    ended: leave.signal,
  });
  await expect(telling).rejects.toMatchObject({ name: "AbortError" });
  expect(stopped?.aborted).toBe(true);
  expect(told).toHaveLength(1);
});

test("An answer that is too long is refused with what to do instead.", async () => {
  const telling = tellCacheAnswer({
    answer: async () => "x".repeat(17 * 1024 * 1024),
    tell: async () => {},
    ended: signal,
  });
  await expect(telling).rejects.toMatchObject({ code: "invalid_request" });
});
