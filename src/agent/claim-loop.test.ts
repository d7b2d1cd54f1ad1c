import { expect, test } from "vitest";
import type { ClaimedMessage, JobQueue } from "../bus/index.js";
import { claimLoop } from "./claim-loop.js";
import { Slots } from "./slots.js";

const log = { debug() {}, info() {}, warn() {}, error() {} };
/** Lets everything happen that can happen now. */
const settle = async () => {
  for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
};

function world(slots: number) {
  const waiting: ((job: ClaimedMessage) => void)[] = [];
  const handled: (() => void)[] = [];
  const ending = new AbortController();
  let letGo = () => {};
  const engine = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const queue: JobQueue = {
    next: (signal) =>
      new Promise((resolve, reject) => {
        waiting.push(resolve);
        signal.addEventListener("abort", () => reject(signal.reason));
      }),
    close: () => {},
  };
  const done = claimLoop({
    queue,
    slots: new Slots(slots),
    ready: async () => engine,
    handle: () => new Promise((resolve) => void handled.push(resolve)),
    log,
    signal: ending.signal,
  });
  return {
    waiting,
    handled,
    done,
    engineAnswers: letGo,
    end: () => ending.abort(),
    deliver: () => waiting.shift()?.({} as ClaimedMessage),
  };
}

test("a job is asked for only while there is a slot for it, and the engine answers", async () => {
  const { waiting, handled, done, engineAnswers, end, deliver } = world(2);
  await settle();
  expect(waiting).toHaveLength(0);
  engineAnswers();
  await settle();
  expect(waiting).toHaveLength(1);
  deliver();
  await settle();
  expect([waiting.length, handled.length]).toEqual([1, 1]);
  deliver();
  await settle();
  expect([waiting.length, handled.length], "both slots are taken").toEqual([0, 2]);
  handled[0]?.();
  await settle();
  expect(waiting).toHaveLength(1);
  end();
  await done;
});

test("a job whose handling fails gives its slot back", async () => {
  const ending = new AbortController();
  let asked = 0;
  const done = claimLoop({
    queue: {
      next: async () => {
        asked += 1;
        if (asked === 3) ending.abort();
        return {} as ClaimedMessage;
      },
      close: () => {},
    },
    slots: new Slots(1),
    ready: async () => {},
    handle: async () => {
      throw new Error("lost");
    },
    log,
    signal: ending.signal,
  });
  await done;
  expect(asked).toBe(3);
});
