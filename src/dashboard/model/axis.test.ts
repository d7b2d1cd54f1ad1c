import { expect, test } from "vitest";
import { timeAxis } from "./axis.js";

const labels = (length: number) => timeAxis(5_000, 5_000 + length).ticks.map(({ label }) => label);

test("ticks stand at round times, and there are never more than there is room for", () => {
  expect(labels(45_000)).toEqual(["0 s", "10 s", "20 s", "30 s", "40 s"]);
  expect(labels(2_400)).toEqual(["0 s", "0.5 s", "1 s", "1.5 s", "2 s"]);
  expect(labels(200_000)).toEqual(["0 s", "1 m", "2 m", "3 m"]);
  expect(labels(75_000)).toEqual(["0 s", "15 s", "30 s", "45 s", "1 m"]);
  for (let length = 1; length < 1e11; length *= 1.7) expect(labels(length).length).toBeLessThanOrEqual(7);
});

test("a time stands between the ends, whatever it is", () => {
  const axis = timeAxis(1_000, 11_000);
  expect([0, 1_000, 6_000, 11_000, 99_000].map(axis.place)).toEqual([0, 0, 0.5, 1, 1]);
});

test("what took no time at all does not fill the axis", () => {
  const axis = timeAxis(1_000, 1_003);
  expect(axis.place(1_003)).toBeLessThan(0.01);
});
