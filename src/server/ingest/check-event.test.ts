import { describe, expect, test } from "vitest";
import type { IncomingEvent } from "../../bus/index.js";
import { checkEvent, storableJson } from "./check-event.js";

const event = (more: object = {}): IncomingEvent => ({
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

describe("an event", () => {
  test("that is what its type promises is kept", () => {
    expect(checkEvent(event())).toBeUndefined();
    expect(
      checkEvent(event({ type: "deployment.state", text: undefined, state: "building" })),
    ).toBeUndefined();
  });

  test("of a type that is not known here is kept, as the agent may be newer", () => {
    expect(checkEvent(event({ type: "deployment.sang", song: 1 }))).toBeUndefined();
  });

  test("with a field that is not known here is kept", () => {
    expect(checkEvent(event({ later: 1 }))).toBeUndefined();
  });

  test.each([
    { text: 7 },
    { type: "deployment.state", state: "flying" },
    { type: "deployment.finished", outcome: "running" },
    { type: "step.log", step: "s", lines: "none", clipped: false },
  ])("of a known type that is not what the type promises is dropped: %j", (more) => {
    expect(checkEvent(event(more))).toBe("malformed");
  });

  test("with a number that no column holds is dropped", () => {
    expect(checkEvent(event({ seq: 2 ** 31 }))).toBe("malformed");
    expect(checkEvent(event({ attempt: 2 ** 40 }))).toBe("malformed");
  });

  test("that is nested too deep is dropped, and breaks nothing", () => {
    const deep = JSON.parse(`${"[".repeat(50_000)}${"]".repeat(50_000)}`);
    expect(checkEvent(event({ later: deep }))).toBe("malformed");
  });
});

describe("what is stored", () => {
  const stored = (more: object) => JSON.parse(storableJson(event(more))!);

  test("has no NUL and no half of a surrogate pair, in values and in names", () => {
    expect(stored({ text: "a\u0000b\ud800c" }).text).toBe("a\ufffdb\ufffdc");
    expect(stored({ later: { "k\u0000": ["\udfff"] } }).later).toEqual({ "k\ufffd": ["\ufffd"] });
  });

  test("keeps emoji, and text that only looks like an escape", () => {
    expect(stored({ text: "\\u0000 😀" }).text).toBe("\\u0000 😀");
  });

  test("is nothing when it is too large", () => {
    expect(storableJson(event({ later: "x".repeat(600_000) }))).toBeNull();
  });
});
