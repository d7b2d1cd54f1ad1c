import { expect, test } from "vitest";
import { type RuntimeLine, type RuntimeReply, runtimeWindow } from "../bus/index.js";
import { GalleyError } from "../errors/index.js";
import { Readers, type ReadersOptions } from "./readers.js";

const line = (text: string): RuntimeLine => ({
  service: "web",
  stream: "stdout",
  at: "2026-11-22T17:00:00.000Z",
  text,
});
const logs = {
  v: 1,
  type: "logs",
  request: "req1",
  environment: "env1",
  service: null,
  since: null,
  tail: null,
  follow: false,
} as const;

function setUp(options: Partial<ReadersOptions>) {
  const sent: RuntimeReply[] = [];
  const over = new AbortController();
  const readers = new Readers({
    lines: async function* () {},
    usage: async () => [],
    cache: async () => null,
    send: (_, reply) => {
      sent.push(reply);
      return true;
    },
    signal: over.signal,
    ...options,
  });
  const texts = () =>
    sent.flatMap((reply) => (reply.type === "lines" ? reply.lines.map(({ text }) => text) : []));
  return { readers, sent, over, texts };
}

test("lines go out in numbered messages, the first at once, and an end after the last", async () => {
  const { readers, sent, texts } = setUp({
    async *lines() {
      for (let n = 1; n <= 450; n++) yield line(String(n));
    },
  });
  await readers.begin(logs);
  expect(sent.map(({ n }) => n)).toEqual(sent.map((_, index) => index + 1));
  expect(sent[0]).toEqual({ v: 1, n: 1, type: "lines", lines: [] });
  expect(sent.at(-1)).toMatchObject({ type: "end", error: null });
  expect(texts()).toEqual(Array.from({ length: 450 }, (_, index) => String(index + 1)));
  expect(sent.length).toBeLessThan(10);
  expect(readers.size).toBe(0);
});

test("no more is sent, nor read from the engine, than the reader takes", async () => {
  let read = 0;
  const long = "x".repeat(70_000);
  const { readers, sent } = setUp({
    async *lines() {
      for (; read < 1_000; read += 1) yield line(long);
    },
  });
  const done = readers.begin(logs);
  await expect.poll(() => sent.length).toBe(runtimeWindow);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(sent).toHaveLength(runtimeWindow);
  expect(read).toBeLessThan(runtimeWindow + 3);
  readers.more("req1", runtimeWindow + 4);
  await expect.poll(() => sent.length).toBe(runtimeWindow + 4);
  readers.leave("req1");
  await done;
  expect(sent).toHaveLength(runtimeWindow + 4);
  expect(readers.size).toBe(0);
});

test("a reader that is gone, or that says nothing any more, ends it, and the engine is let go", async () => {
  const let_go: string[] = [];
  const endless = (name: string): ReadersOptions["lines"] =>
    async function* (_, signal) {
      yield line("one");
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      let_go.push(name);
    };
  const left = setUp({ lines: endless("left") });
  const leaving = left.readers.begin({ ...logs, follow: true });
  await expect.poll(left.texts).toEqual(["one"]);
  left.readers.leave("req1");
  await leaving;

  const silent = setUp({ lines: endless("silent"), silenceMs: 50 });
  await silent.readers.begin({ ...logs, follow: true });

  const ended = setUp({ lines: endless("agent's end") });
  const ending = ended.readers.begin({ ...logs, follow: true });
  await expect.poll(ended.texts).toEqual(["one"]);
  ended.over.abort();
  await ending;
  // Who reads on is told that nobody answers any more.
  expect(ended.sent.at(-1)).toMatchObject({ type: "end", error: { code: "agent_lost_contact" } });
  expect([left, silent].flatMap(({ sent }) => sent.filter(({ type }) => type === "end"))).toEqual([]);
  await expect.poll(() => let_go).toEqual(["left", "silent", "agent's end"]);
});

test("what goes wrong is told as the end, with its code", async () => {
  const { readers, sent } = setUp({
    usage: async () => {
      throw new GalleyError("engine_unreachable", "It does not answer.", { hint: "Look." });
    },
  });
  await readers.begin({ v: 1, type: "stats", request: "req1", environment: "env1" });
  expect(sent).toEqual([
    {
      v: 1,
      n: 1,
      type: "end",
      error: { code: "engine_unreachable", message: "It does not answer.", hint: "Look." },
    },
  ]);
});

test("too many readers at once are told to come again", async () => {
  const { readers, sent, over } = setUp({
    async *lines(_, signal) {
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    },
  });
  const all = Array.from({ length: 33 }, (_, index) =>
    readers.begin({ ...logs, request: `req${index}`, follow: true }),
  );
  await expect
    .poll(() => sent.filter(({ type }) => type === "end"))
    .toMatchObject([{ error: { code: "rate_limited" } }]);
  over.abort();
  await Promise.all(all);
});

test("few ask about caches at once, and they do not keep those out who read logs", async () => {
  const { readers, sent, over } = setUp({
    cache: (_, __, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      }),
  });
  const all = Array.from({ length: 5 }, (_, index) =>
    readers.begin({ v: 1, type: "cache", request: `req${index}`, question: { ask: "verify" } }),
  );
  await expect
    .poll(() => sent.filter(({ type }) => type === "end"))
    .toMatchObject([{ error: { code: "rate_limited" } }]);
  await readers.begin({ ...logs, request: "other" });
  expect(sent.at(-1)).toMatchObject({ type: "end", error: null });
  over.abort();
  await Promise.all(all);
});
