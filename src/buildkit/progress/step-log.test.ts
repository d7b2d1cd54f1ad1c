import { expect, test } from "vitest";
import { StepLog } from "./step-log.js";

const log = (limits = {}) => new StepLog("sha256:a", { lines: 100, characters: 10_000, ...limits });
const bytes = (text: string) => Buffer.from(text);
const texts = (lines: readonly { text: string }[]) => lines.map(({ text }) => text);

test("a line that comes in pieces is one line, with the time of its first piece", () => {
  const step = log();
  expect(step.append(1, bytes("hal"), 10)).toEqual([]);
  expect(step.append(1, bytes("f\r\nnext\nrest"), 20)).toEqual([
    { step: "sha256:a", stream: 1, text: "half", at: 10 },
    { step: "sha256:a", stream: 1, text: "next", at: 20 },
  ]);
  expect(texts(step.partial())).toEqual(["rest"]);
  expect(texts(step.flush())).toEqual(["rest"]);
  expect(step.partial()).toEqual([]);
  expect(step.lines).toBe(3);
});

test("the two streams do not mix within a line", () => {
  const step = log();
  step.append(1, bytes("out"), 0);
  expect(texts(step.append(2, bytes("err\n"), 0))).toEqual(["err"]);
  expect(texts(step.append(1, bytes("put\n"), 0))).toEqual(["output"]);
});

test("a character that is cut between two chunks is put together again", () => {
  const step = log();
  const euro = bytes("1 €\n");
  step.append(1, euro.subarray(0, 3), 0);
  expect(texts(step.append(1, euro.subarray(3), 0))).toEqual(["1 €"]);
});

test("bytes that are no UTF-8 become replacement characters", () => {
  expect(texts(log().append(1, Buffer.from([0x61, 0xff, 0x0a]), 0))).toEqual(["a\ufffd"]);
});

test("only the last lines are kept, but all are counted", () => {
  const step = log({ lines: 3 });
  for (let line = 0; line < 10_000; line += 1) step.append(1, bytes(`line ${line}\n`), line);
  expect(texts(step.tail(10))).toEqual(["line 9997", "line 9998", "line 9999"]);
  expect(step.lines).toBe(10_000);
});

test("long lines are kept up to a number of characters", () => {
  const step = log({ characters: 1000 });
  for (let line = 0; line < 100; line += 1) step.append(1, bytes(`${"x".repeat(300)}\n`), line);
  expect(step.tail(100)).toHaveLength(3);
});

test("a line that never ends is handed on in pieces", () => {
  const step = log({ characters: 1_000_000 });
  let completed = 0;
  for (let chunk = 0; chunk < 100; chunk += 1)
    completed += step.append(1, bytes("x".repeat(32_768)), 0).length;
  expect(completed).toBeGreaterThan(40);
  expect(step.partial()[0]?.text.length).toBeLessThanOrEqual(65_536);
});

test.each(["200KiB/s", "2MiB"])("the daemon's mark of output clipped at %s is found", (limit) => {
  const step = log();
  step.append(1, bytes("before"), 0);
  expect(step.clipped).toBeUndefined();
  const lines = step.append(1, bytes(`\n[output clipped, log limit ${limit} reached]\nafter\n`), 1);
  expect(lines.map(({ clipped }) => clipped)).toEqual([undefined, limit, undefined]);
  expect(step.clipped).toBe(limit);
});

test("a step that invents streams does not fill the memory with them", () => {
  const step = log();
  for (let stream = 0; stream < 1000; stream += 1) step.append(stream, bytes("partial"), 0);
  expect(step.partial().length).toBeLessThan(10);
});
