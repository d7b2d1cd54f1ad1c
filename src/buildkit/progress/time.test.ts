import { expect, test } from "vitest";
import { goTime, instant } from "./time.js";

test("a time with nanoseconds keeps them as far as a double can", () => {
  expect(instant("1970-01-01T00:00:01.5Z")).toBe(1500);
  expect(instant("2026-11-22T16:26:37.050849933Z")).toBeCloseTo(
    Date.parse("2026-11-22T16:26:37.050Z") + 0.849933,
    3,
  );
  expect(instant("2026-11-22T16:26:37Z")).toBe(Date.parse("2026-11-22T16:26:37Z"));
});

test("an offset is taken off", () => {
  expect(instant("1970-01-01T02:00:00+02:00")).toBe(0);
  expect(instant("1969-12-31T19:00:00.25-05:00")).toBe(250);
});

test("what is no time, and Go's zero time, is undefined", () => {
  for (const text of [undefined, "", "now", "2026-11-22", "0001-01-01T00:00:00Z", `${"1".repeat(100)}`]) {
    expect(instant(text)).toBeUndefined();
  }
});

test("trailing zeros of the fraction go, as Go prints times", () => {
  expect(goTime("2026-01-02T03:04:05.123000000Z")).toBe("2026-01-02T03:04:05.123Z");
  expect(goTime("2026-01-02T03:04:05.000000000Z")).toBe("2026-01-02T03:04:05Z");
  expect(goTime("2026-01-02T03:04:05.100200300Z")).toBe("2026-01-02T03:04:05.1002003Z");
  expect(goTime("2026-01-02T03:04:00Z")).toBe("2026-01-02T03:04:00Z");
});
