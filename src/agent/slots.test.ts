import { expect, test } from "vitest";
import { Slots } from "./slots.js";

const never = new AbortController().signal;

test("no more than the given number hold a place, and those who wait get it in order", async () => {
  const slots = new Slots(2);
  const order: string[] = [];
  const first = await slots.acquire(never);
  const second = await slots.acquire(never);
  const third = slots.acquire(never).then((release) => {
    order.push("third");
    return release;
  });
  const fourth = slots.acquire(never).then((release) => {
    order.push("fourth");
    return release;
  });
  expect(slots.taken).toBe(2);
  first();
  first();
  const releaseThird = await third;
  expect(order).toEqual(["third"]);
  expect(slots.taken).toBe(2);
  second();
  releaseThird();
  (await fourth)();
  expect(slots.taken).toBe(0);
});

test("who stops waiting is passed over", async () => {
  const slots = new Slots(1);
  const held = await slots.acquire(never);
  const leaving = new AbortController();
  const waiting = slots.acquire(leaving.signal);
  const behind = slots.acquire(never);
  leaving.abort(new Error("gone"));
  await expect(waiting).rejects.toThrow("gone");
  held();
  (await behind)();
  expect(slots.taken).toBe(0);
});

test("a place is given back when work fails", async () => {
  const slots = new Slots(1);
  await expect(slots.run(never, () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
  expect(await slots.run(never, async () => 1)).toBe(1);
});
