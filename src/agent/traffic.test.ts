import { expect, test } from "vitest";
import { Traffic } from "./traffic.js";

const minute = 60_000;
const seen = (bytes: number | undefined, environment = "e", container = environment) => ({
  container,
  environment,
  bytes,
});

test("an environment was asked for something when its public container has received more than the network's own noise", () => {
  const traffic = new Traffic();
  expect(traffic.take([seen(5_000)], 0), "what it received before is not new").toEqual([]);
  expect(traffic.take([seen(5_200)], minute), "noise").toEqual([]);
  expect(traffic.take([seen(5_400)], 2 * minute), "noise of another minute").toEqual([]);
  expect(traffic.take([seen(5_900)], 3 * minute)).toEqual(["e"]);
});

test("it is told until it was heard, and then no more", () => {
  const traffic = new Traffic();
  traffic.take([seen(0)], 0);
  expect(traffic.take([seen(1_000)], minute)).toEqual(["e"]);
  expect(traffic.take([seen(1_000)], 2 * minute)).toEqual(["e"]);
  traffic.told(["e"]);
  expect(traffic.take([seen(1_000)], 3 * minute)).toEqual([]);
});

test("small requests between looks that come fast are counted together", () => {
  const traffic = new Traffic();
  traffic.take([seen(0)], 0);
  expect(traffic.take([seen(200)], 10_000)).toEqual([]);
  expect(traffic.take([seen(400)], 20_000)).toEqual(["e"]);
});

test("a container that was started again counts from zero, and one that is gone is forgotten", () => {
  const traffic = new Traffic();
  traffic.take([seen(9_000)], 0);
  expect(traffic.take([seen(100)], minute)).toEqual([]);
  expect(traffic.take([seen(700)], 2 * minute)).toEqual(["e"]);
  traffic.told(["e"]);
  traffic.take([], 3 * minute);
  expect(traffic.take([seen(90_000)], 4 * minute)).toEqual([]);
});

test("what cannot be counted is never taken for idle", () => {
  expect(new Traffic().take([seen(undefined), seen(0, "other")], 0)).toEqual(["e"]);
});
