import { expect, test } from "vitest";
import { ResumePoint } from "./resume-point.js";

const line = (text: string, second: number, service = "web") => ({
  service,
  stream: "stdout",
  text,
  at: new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString(),
});

test("a log that is asked for again goes on where it was, each line as often as it was printed", () => {
  const point = new ResumePoint();
  expect(point.since).toBeUndefined();
  const before = [line("tick", 40), line("tick", 40), line("late", 20, "db"), line("tock", 41)];
  expect(before.map((one) => point.take(one))).toEqual([true, true, true, true]);
  expect(point.since).toBe(line("", 11).at);
  point.again();
  const again = [
    line("not asked for", 12, "db"),
    line("late", 20, "db"),
    line("on its way", 30, "db"),
    line("of another", 35, "cache"),
    line("tick", 40),
    line("tick", 40),
    line("tick", 40),
    line("tock", 41),
    line("new", 42),
  ];
  const told = again.filter((one) => point.take(one)).map(({ text }) => text);
  // What was on its way when the connection was lost, a third of what had come twice, and what is new. Nothing that `--tail` had left out.
  expect(told).toEqual(["on its way", "of another", "tick", "new"]);
  point.again();
  expect(point.take(line("new", 42))).toBe(false);
  expect(point.take(line("new", 43))).toBe(true);
});

test("of a log that says much only the last lines are remembered, and it is asked for no earlier than those", () => {
  const point = new ResumePoint();
  for (let n = 0; n < 50_000; n += 1) point.take(line(`line ${n}`, 100 + n / 10_000));
  const since = point.since ?? "";
  expect(since >= line("", 101).at && since <= line("", 105).at).toBe(true);
  point.again();
  expect(point.take(line("line 49999", 100 + 4.9999))).toBe(false);
});
