import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { eventBatch } from "../messages.js";
import { type ClosedBatch, createBatcher, type SpooledEvent } from "./batcher.js";

let closed: ClosedBatch[];
beforeEach(() => {
  vi.useFakeTimers();
  closed = [];
});
afterEach(() => vi.useRealTimers());

const batcher = () => createBatcher({ onClosed: (batch) => void closed.push(batch), lingerMs: 25 });
const event = (deployment: string, seq: number, type = "deployment.note", text = "…"): SpooledEvent => ({
  v: 1,
  id: `${deployment}-${seq}`,
  at: "2026-11-22T12:00:00.000Z",
  agent: "a1",
  project: "p1",
  environment: "e1",
  deployment,
  attempt: 1,
  seq,
  type,
  ...{ text },
});
const summary = () =>
  closed.map(({ batch }) => `${batch.kind} ${batch.deployment} ${batch.firstSeq}+${batch.count}`);

test("events of one deployment wait for each other for a moment, and apart from log lines and others", () => {
  const { add } = batcher();
  for (const one of [event("d1", 1), event("d1", 2), event("d2", 1)]) add("events", one, JSON.stringify(one));
  const log = event("d1", 3, "step.log");
  add("logs", log, JSON.stringify(log));
  vi.advanceTimersByTime(24);
  expect(closed).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(summary()).toEqual(["events d1 1+2", "events d2 1+1", "logs d1 3+1"]);
  const body: unknown = JSON.parse(closed[0]!.body.toString());
  expect(eventBatch.parse(body).events).toEqual([event("d1", 1), event("d1", 2)]);
});

test("a message has 100 events at most, and no more text than the bus takes", () => {
  const { add } = batcher();
  for (let seq = 1; seq <= 250; seq += 1) add("logs", event("d1", seq), JSON.stringify(event("d1", seq)));
  expect(summary()).toEqual(["logs d1 1+100", "logs d1 101+100"]);
  vi.advanceTimersByTime(25);
  closed = [];
  for (let seq = 300; seq < 304; seq += 1) {
    const long = event("d1", seq, "step.log", "€".repeat(100_000));
    add("logs", long, JSON.stringify(long));
  }
  vi.advanceTimersByTime(25);
  expect(summary()).toEqual(["logs d1 300+2", "logs d1 302+2"]);
  for (const { body } of closed) expect(body.length).toBeLessThan(1024 * 1024);
});

test("the end of a deployment closes all of it, and goes alone and last", () => {
  const { add, close } = batcher();
  const all = [event("d1", 1, "step.log"), event("d1", 2), event("d2", 1)];
  for (const one of all) add(one.type === "step.log" ? "logs" : "events", one, JSON.stringify(one));
  const finished = event("d1", 3, "deployment.finished");
  add("events", finished, JSON.stringify(finished));
  expect(summary()).toEqual(["logs d1 1+1", "events d1 2+1", "events d1 3+1"]);
  expect(closed.map(({ batch }) => batch.finished)).toEqual([false, false, true]);
  close();
  expect(summary().at(-1)).toBe("events d2 1+1");
  vi.advanceTimersByTime(100);
  expect(closed).toHaveLength(4);
});
