import { expect, test } from "vitest";
import { formatLifespan, parseDuration, parseLifespan } from "./duration.js";

test("durations are read as people write them, from a minute to a year", () => {
  expect(parseDuration("1m")).toBe(60);
  expect(parseDuration("90m")).toBe(5400);
  expect(parseDuration("12h")).toBe(43_200);
  expect(parseDuration("365d")).toBe(365 * 86_400);
  for (const wrong of ["", "0m", "366d", "12", "1s", "-1h", "1.5h", "1h30m", " 1h", "never", "99999999h"])
    expect(parseDuration(wrong), wrong).toBeUndefined();
});

test("a lifespan may be endless, and is written as it was read", () => {
  expect(parseLifespan("never")).toBe(0);
  for (const text of ["never", "7d", "36h", "90m", "1m"])
    expect(formatLifespan(parseLifespan(text) ?? 1)).toBe(text);
  expect(formatLifespan(86_400)).toBe("1d");
});
