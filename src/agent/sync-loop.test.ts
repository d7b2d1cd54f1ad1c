import { expect, test } from "vitest";
import type { SyncRequest } from "../bus/index.js";
import { ActiveRuns } from "./active.js";
import { stopReasonOf } from "./stop-reason.js";
import { startSync } from "./sync-loop.js";

/** Environments that are hibernated and woken by nobody. */
const resting = () => {
  const begun: string[] = [];
  const heard: unknown[] = [];
  const outcome = { environment: "kept", state: "running", error: null } as const;
  return {
    begun,
    heard,
    rest: {
      begin: (kind: string, environment: string) => void begun.push(`${kind} ${environment}`),
      outcomes: () => [outcome],
      told: (outcomes: unknown) => void heard.push(outcomes),
    },
    traffic: { look: async () => ["kept"], told: (ids: unknown) => void heard.push(ids) },
  };
};

const message = {
  message: { v: 1, deployment: "dep1", kind: "deploy" },
  delivery: 1,
  working() {},
  keepAlive() {},
  ack: async () => true,
  nak() {},
} as const;

test("the server is told what is here; what it wants stopped stops, what should be gone is removed, what never served is taken back and what should sleep is hibernated, what is busy or unknown is not", async () => {
  const active = new ActiveRuns();
  const { run } = active.begin({ deployment: "dep1", environment: "busy", attempt: 2, message });
  const over = new AbortController();
  const asked: SyncRequest[] = [];
  const removed: string[] = [];
  const undone: string[] = [];
  const rests = resting();
  const sync = startSync({
    active,
    environments: async () => [
      { environment: "gone", deployments: ["dep3"] },
      { environment: "busy", deployments: ["dep0", "dep1"] },
      { environment: "kept", deployments: ["dep4", "dep5"] },
    ],
    undo: async (environment, deployment) => {
      undone.push(`${environment} ${deployment}`);
      over.abort();
    },
    remove: async (environment) => {
      removed.push(environment);
    },
    ...rests,
    reconnect: async () => {},
    ask: async (request) => {
      asked.push(request);
      return {
        v: 1,
        stop: [
          { deployment: "dep1", reason: "fenced" },
          { deployment: "dep9", reason: "cancelled" },
        ],
        remove: ["busy", "never-asked-about", "gone"],
        hibernate: ["kept", "busy"],
        wake: ["never-asked-about"],
        undo: [
          { environment: "busy", deployment: "dep0" },
          { environment: "gone", deployment: "dep3" },
          { environment: "never-asked-about", deployment: "dep9" },
          { environment: "kept", deployment: "dep5" },
        ],
      };
    },
    log: { debug() {}, info() {}, warn() {}, error() {} },
    signal: over.signal,
  });
  await sync.done;
  expect(asked).toEqual([
    {
      v: 1,
      running: [{ deployment: "dep1", attempt: 2 }],
      environments: ["gone", "busy", "kept"],
      deployments: ["dep3", "dep0", "dep1", "dep4", "dep5"],
      active: ["kept"],
      rested: rests.rest.outcomes(),
    },
  ]);
  expect(rests.begun).toEqual(["hibernate kept"]);
  expect(rests.heard).toEqual([rests.rest.outcomes(), ["kept"]]);
  expect(removed).toEqual(["gone"]);
  expect(undone).toEqual(["kept dep5"]);
  expect(stopReasonOf(run.signal)?.kind).toBe("fenced");
});

test("a server that does not answer is asked again, and a trigger does not wait for the minute", async () => {
  const over = new AbortController();
  let asked = 0;
  const warned: string[] = [];
  let reconnected = 0;
  const sync = startSync({
    active: new ActiveRuns(),
    environments: async () => [],
    undo: async () => {},
    remove: async () => {},
    ...resting(),
    reconnect: async () => {
      reconnected += 1;
    },
    ask: async () => {
      asked += 1;
      if (asked === 1) throw new Error("away");
      over.abort();
      return { v: 1, stop: [], remove: [], hibernate: [], wake: [], undo: [] };
    },
    log: {
      debug() {},
      info() {},
      warn: (_, text) => {
        warned.push(text);
        setImmediate(() => sync.trigger());
      },
      error() {},
    },
    signal: over.signal,
  });
  await sync.done;
  expect(asked).toBe(2);
  expect(reconnected, "the proxy is seen to whether the server answers or not").toBe(2);
  expect(warned).toHaveLength(1);
});

test("an engine that cannot connect the proxy keeps nobody from asking the server", async () => {
  const over = new AbortController();
  const warned: string[] = [];
  const sync = startSync({
    active: new ActiveRuns(),
    environments: async () => [],
    undo: async () => {},
    remove: async () => {},
    ...resting(),
    reconnect: async () => {
      throw new Error("no such network");
    },
    ask: async () => {
      over.abort();
      return { v: 1, stop: [], remove: [], hibernate: [], wake: [], undo: [] };
    },
    log: { debug() {}, info() {}, warn: (_, text) => void warned.push(text), error() {} },
    signal: over.signal,
  });
  await sync.done;
  expect(warned).toEqual(["the proxy could not be connected to the previews"]);
});
