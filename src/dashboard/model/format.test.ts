import { expect, test } from "vitest";
import { counted, formatAge, formatBytes, formatDuration, formatRef, formatRunning } from "./format.js";

test.each([
  [0, "0.0 s"],
  [8_240, "8.2 s"],
  [59_940, "59.9 s"],
  [59_960, "1 m 00 s"],
  [64_000, "1 m 04 s"],
  [7_380_000, "2 h 03 m"],
  [-5, "0.0 s"],
  [Number.NaN, "0.0 s"],
])("%d ms read %s", (milliseconds, text) => {
  expect(formatDuration(milliseconds)).toBe(text);
});

test("what goes on counts whole seconds", () => {
  expect([0, 999, 41_700, 64_000, 3_723_000].map(formatRunning)).toEqual([
    "0:00",
    "0:00",
    "0:41",
    "1:04",
    "1:02:03",
  ]);
});

test("bytes are decimal and change their unit where they round to it", () => {
  expect([0, 585, 1000, 1_234_567, 999_960, 2.5e9, -1].map(formatBytes)).toEqual([
    "0 B",
    "585 B",
    "1.0 kB",
    "1.2 MB",
    "1.0 MB",
    "2.5 GB",
    "0 B",
  ]);
});

test("an age has one unit, and a clock that is behind makes no negative one", () => {
  expect([-3000, 400, 4_000, 720_000, 10_800_000, 432_000_000].map(formatAge)).toEqual([
    "now",
    "now",
    "4 s",
    "12 m",
    "3 h",
    "5 d",
  ]);
});

test("one of something is told apart from many", () => {
  expect([counted(1, "line"), counted(1204, "line"), counted(2, "retry", "retries")]).toEqual([
    "1 line",
    "1,204 lines",
    "2 retries",
  ]);
});

test("a ref is called what people call it", () => {
  expect(["refs/pull/7/head", "refs/heads/main", "refs/tags/v1", "main", "4f0c2a9"].map(formatRef)).toEqual([
    "pull request 7",
    "main",
    "v1",
    "main",
    "4f0c2a9",
  ]);
});
