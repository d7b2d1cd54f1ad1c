import { expect, test } from "vitest";
import { LogLines } from "./lines.js";

const time = "2026-11-28T12:00:00.123456789Z";
const at = "2026-11-28T12:00:00.123Z";

test("lines of both streams are put together from pieces that end anywhere", () => {
  const lines = new LogLines();
  const push = (stream: 1 | 2, text: string) => [...lines.push({ stream, data: Buffer.from(text) })];
  expect(push(1, `${time} one\n${time} tw`)).toEqual([{ stream: "stdout", at, text: "one" }]);
  expect(push(2, `${time} other\r\n`)).toEqual([{ stream: "stderr", at, text: "other" }]);
  expect(push(1, "o\n")).toEqual([{ stream: "stdout", at, text: "two" }]);
  expect(push(1, `${time} \n`)).toEqual([{ stream: "stdout", at, text: "" }]);
  const [a, b] = [Buffer.from(`${time} ü`).subarray(0, -1), Buffer.from("ü").subarray(1)];
  expect([...lines.push({ stream: 1, data: a }), ...lines.push({ stream: 1, data: b })]).toEqual([]);
  expect([...lines.end()]).toEqual([{ stream: "stdout", at, text: "ü" }]);
});

test("a line without end is cut and does not fill the memory", () => {
  const lines = new LogLines();
  for (let n = 0; n < 100; n++)
    expect([...lines.push({ stream: 1, data: Buffer.alloc(10_000, "x") })]).toEqual([]);
  expect([...lines.end()][0]?.text).toHaveLength(16_384);
});
