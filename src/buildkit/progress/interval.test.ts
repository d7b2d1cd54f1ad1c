import { expect, test } from "vitest";
import { mergeIntervals, totalDuration } from "./interval.js";

test("runs that overlap or touch become one, others stay apart", () => {
  const runs = [
    { start: 50, stop: 60 },
    { start: 0, stop: 10 },
    { start: 5, stop: 20 },
    { start: 20, stop: 25 },
    { start: 6, stop: 7 },
  ];
  expect(mergeIntervals(runs)).toEqual([
    { start: 0, stop: 25 },
    { start: 50, stop: 60 },
  ]);
});

test("an open run swallows what begins after it", () => {
  expect(mergeIntervals([{ start: 0, stop: 1 }, { start: 5 }, { start: 7, stop: 9 }])).toEqual([
    { start: 0, stop: 1 },
    { start: 5 },
  ]);
  expect(mergeIntervals([{ start: 0, stop: 6 }, { start: 5 }])).toEqual([{ start: 0 }]);
});

test("the duration leaves pauses out and is never negative", () => {
  expect(totalDuration([{ start: 0, stop: 10 }, { start: 100 }], 130)).toBe(40);
  expect(totalDuration([{ start: 100 }], 50)).toBe(0);
});
