import { expect, test } from "vitest";
import { formatBytes, formatBytesPlain, formatDuration } from "./format.js";

test("bytes read with one decimal and a decimal unit", () => {
  expect([0, 585, 999, 1000, 1_234_567, 999_949, 999_950, 5e9, 2e24].map(formatBytes)).toEqual([
    "0 B",
    "585 B",
    "999 B",
    "1.0 kB",
    "1.2 MB",
    "999.9 kB",
    "1.0 MB",
    "5.0 GB",
    "2000000.0 EB",
  ]);
  expect(formatBytes(Number.NaN)).toBe("0 B");
});

test("plain progress writes bytes as BuildKit does", () => {
  expect([0, 585, 1_234_567].map(formatBytesPlain)).toEqual(["0B", "585B", "1.23MB"]);
});

test("durations read in seconds, then minutes, then hours", () => {
  expect(
    [0, 49, 8240, 59_940, 59_960, 64_000, 3_599_400, 3_599_600, 7_380_000, -5].map(formatDuration),
  ).toEqual([
    "0.0 s",
    "0.0 s",
    "8.2 s",
    "59.9 s",
    "1 m 00 s",
    "1 m 04 s",
    "59 m 59 s",
    "1 h 00 m",
    "2 h 03 m",
    "0.0 s",
  ]);
});
