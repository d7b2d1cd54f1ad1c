import { describe, expect, test } from "vitest";
import { parseBatch, storableJson } from "./parse-batch.js";

const from = { agent: "agt1", deployment: "dep1" };
const event = (more: object = {}) => ({
  v: 1,
  id: "e1",
  at: "2026-11-22T19:00:00.000Z",
  agent: "agt1",
  project: "prj1",
  environment: "env1",
  deployment: "dep1",
  attempt: 1,
  seq: 1,
  type: "deployment.note",
  text: "hello",
  ...more,
});
const parse = (...events: unknown[]) => parseBatch({ v: 1, events }, from);

describe("a message", () => {
  test("is read in order, and what is wrong in it costs only itself", () => {
    const { events, dropped } = parse(
      event(),
      { nonsense: true },
      event({ seq: 2 }),
      event({ seq: 0 }),
      7,
      null,
    );
    expect(events.map(({ seq }) => seq)).toEqual([1, 2]);
    expect(dropped).toEqual(["malformed", "malformed", "malformed", "malformed"]);
  });

  test.each([
    undefined,
    null,
    "text",
    [],
    {},
    { v: 2, events: [event()] },
    { v: 1, events: [] },
    { v: 1, events: Array(1001).fill(event()) },
  ])("that is no batch is dropped whole: %#", (body) => {
    expect(parseBatch(body, from)).toEqual({ events: [], dropped: ["malformed"] });
  });

  test("must come from the agent and speak of the deployment that its subject names", () => {
    for (const more of [{ agent: "agt2" }, { deployment: "dep2" }, { agent: null }])
      expect(parse(event(more))).toEqual({ events: [], dropped: ["identity"] });
  });
});

describe("an event", () => {
  test("of a type that is not known here is kept, as the agent may be newer", () => {
    expect(parse(event({ type: "deployment.sang", song: 1 })).events).toMatchObject([{ song: 1 }]);
  });

  test("with a field that is not known here is kept", () => {
    expect(parse(event({ later: 1 })).events).toMatchObject([{ later: 1 }]);
  });

  test("of a known type that is not what the type promises is dropped", () => {
    for (const more of [
      { text: 7 },
      { type: "deployment.state", state: "flying" },
      { type: "deployment.finished", outcome: "running" },
      { type: "step.log", step: "s", lines: "none", clipped: false },
    ])
      expect(parse(event(more)).dropped, JSON.stringify(more)).toEqual(["malformed"]);
  });

  test("with a number that no column holds is dropped", () => {
    expect(parse(event({ seq: 2 ** 31 })).dropped).toEqual(["malformed"]);
    expect(parse(event({ attempt: 2 ** 40 })).dropped).toEqual(["malformed"]);
  });
});

test("an event that is nested too deep is dropped, and breaks nothing", () => {
  const deep = JSON.parse(`${"[".repeat(50_000)}${"]".repeat(50_000)}`);
  expect(parse(event({ later: deep })).dropped).toEqual(["malformed"]);
});

describe("what is stored", () => {
  const stored = (more: object) => JSON.parse(storableJson(parse(event(more)).events[0]!)!);

  test("has no NUL and no half of a surrogate pair, in values and in names", () => {
    expect(stored({ text: "a\u0000b\ud800c" }).text).toBe("a\ufffdb\ufffdc");
    expect(stored({ later: { "k\u0000": ["\udfff"] } }).later).toEqual({ "k\ufffd": ["\ufffd"] });
  });

  test("keeps emoji, and text that only looks like an escape", () => {
    expect(stored({ text: "\\u0000 😀" }).text).toBe("\\u0000 😀");
  });

  test("is nothing when it is too large", () => {
    expect(storableJson(parse(event({ later: "x".repeat(600_000) })).events[0]!)).toBeNull();
  });
});
