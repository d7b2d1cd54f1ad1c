import { expect, test } from "vitest";
import type { NoticeRequest } from "../bus/index.js";
import type { ServiceEvent } from "../preview/index.js";
import { startNotices } from "./notices.js";

const log = { debug() {}, info() {}, warn() {}, error() {} };
const event = (restarts: number, environment = "env1"): ServiceEvent => ({
  environment,
  project: "prj1",
  deployment: "dep1",
  service: "web",
  container: "c",
  at: "2026-11-22T17:00:00.000Z",
  type: "restarted",
  exitCode: null,
  restarts,
});

test("what happened is told once the server is there, in order, each with a key that stays", async () => {
  const over = new AbortController();
  const asked: NoticeRequest["events"][] = [];
  const notices = startNotices({
    ask: async (events) => {
      asked.push(events);
      if (asked.length === 1) throw new Error("away");
    },
    log,
    signal: over.signal,
    retryMs: 10,
  });
  notices.take(event(1));
  notices.take(event(2));
  notices.take(event(3, "No Id"));
  await expect.poll(() => asked.length).toBe(2);
  expect(asked[1]?.map(({ restarts }) => restarts)).toEqual([1, 2]);
  expect(asked[1]?.map(({ key }) => key)).toEqual(asked[0]?.map(({ key }) => key));
  over.abort();
  await notices.done;
});

test("of more than can wait the newest count", async () => {
  const over = new AbortController();
  const told: number[] = [];
  let away = true;
  const notices = startNotices({
    ask: async (events) => {
      if (away) throw new Error("away");
      told.push(...events.map(({ restarts }) => restarts));
    },
    log,
    signal: over.signal,
    retryMs: 10,
  });
  for (let n = 1; n <= 600; n++) notices.take(event(n));
  away = false;
  await expect.poll(() => told.length).toBe(500);
  expect([told[0], told.at(-1)]).toEqual([101, 600]);
  over.abort();
  await notices.done;
});
