import { expect, test } from "vitest";
import { EventClock } from "./event-clock.js";
import { InOrder } from "./in-order.js";

const event = (seq: number, attempt = 1) => ({ attempt, seq });
const seqs = (events: readonly { seq: number }[]) => events.map(({ seq }) => seq);

test("events come out in the order in which they were written, each once", () => {
  const order = new InOrder();
  expect(seqs(order.push(event(1)))).toEqual([1]);
  expect(seqs(order.push(event(3)))).toEqual([]);
  expect(seqs(order.push(event(4)))).toEqual([]);
  expect(order.waiting).toBe(true);
  expect(seqs(order.push(event(3)))).toEqual([]);
  expect(seqs(order.push(event(2)))).toEqual([2, 3, 4]);
  expect(seqs(order.push(event(2)))).toEqual([]);
  expect(order.waiting).toBe(false);
});

test("any order in which they arrive gives the same", () => {
  let random = 7;
  const next = () => {
    random = (random * 1103515245 + 12345) % 2 ** 31;
    return random;
  };
  for (let round = 0; round < 50; round += 1) {
    const arriving = Array.from({ length: 100 }, (_, at) => event(at + 1)).sort(() => (next() % 2 ? 1 : -1));
    const order = new InOrder();
    expect(seqs(arriving.flatMap((each) => order.push(each)))).toEqual(
      Array.from({ length: 100 }, (_, at) => at + 1),
    );
  }
});

test("what is given up is counted, and shown when it comes after all", () => {
  const order = new InOrder();
  order.push(event(1));
  order.push(event(4));
  order.push(event(6));
  expect(seqs(order.giveUp())).toEqual([4, 6]);
  expect(order.missing).toBe(3);
  expect(seqs(order.push(event(3)))).toEqual([3]);
  expect(seqs(order.push(event(3)))).toEqual([]);
  expect(order.missing).toBe(2);
  expect(seqs(order.push(event(7)))).toEqual([7]);
});

test("another attempt begins anew, with what the one before it still had to say in front", () => {
  const order = new InOrder();
  order.push(event(1));
  order.push(event(3));
  expect(order.push(event(1, 2))).toEqual([event(3), event(1, 2)]);
  expect(order.push(event(2))).toEqual([]);
  expect(order.push(event(2, 2))).toEqual([event(2, 2)]);
  expect(order.missing).toBe(0);
});

test("a hostile stream cannot make it keep everything, nor loop for ever", () => {
  const order = new InOrder();
  let shown = 0;
  for (let seq = 0; seq < 50_000; seq += 1) shown += order.push(event(2 + seq * 2)).length;
  expect(shown).toBeGreaterThan(20_000);
  expect(order.push(event(Number.MAX_SAFE_INTEGER))).toEqual([]);
  expect(order.giveUp().length).toBeGreaterThan(0);
});

test("the clock of what is shown stands at the time of its events, goes on between them and never back", () => {
  let own = 1_000_000;
  const clock = new EventClock({ now: () => own, every: () => () => {} });
  expect(clock.now()).toBe(own);
  clock.show("2026-11-22T12:00:00.000Z");
  const then = Date.parse("2026-11-22T12:00:00.000Z");
  expect(clock.now()).toBe(then);
  own += 300;
  expect(clock.now()).toBe(then + 300);
  clock.show("2026-11-22T12:00:05.000Z");
  expect(clock.now()).toBe(then + 5000);
  clock.show("2026-11-22T11:00:00.000Z");
  clock.show("never");
  clock.show(7);
  expect(clock.now()).toBe(then + 5000);
});
