import { expect, test } from "vitest";
import { EventClock } from "./event-clock.js";

test("a browser whose clock is wrong counts in the time of the events", () => {
  const clock = new EventClock();
  clock.server(1_000_000, 5_000_000);
  clock.event(990_000, 5_000_100);
  expect(clock.at(5_002_000)).toBe(1_002_000);
});

test("an event from the future moves the clock, and no event moves it back", () => {
  const clock = new EventClock();
  clock.server(1_000, 1_000);
  clock.event(4_000, 2_000);
  clock.event(3_000, 2_500);
  expect(clock.at(2_500)).toBe(4_500);
});
