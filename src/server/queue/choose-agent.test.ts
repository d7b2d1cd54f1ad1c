import { describe, expect, test } from "vitest";
import { type Candidate, type ChooseInput, chooseAgent } from "./choose-agent.js";

const now = 1_000_000;
const goneMs = 60_000;
const agent = (id: string, more: Partial<Candidate> = {}): Candidate => ({
  id,
  revoked: false,
  online: true,
  draining: false,
  slots: 2,
  used: 0,
  seenAt: now,
  ...more,
});
const choose = (agents: Candidate[], more: Partial<ChooseInput> = {}) =>
  chooseAgent({ now, kind: "deploy", holder: null, agents, goneMs, ...more });

describe("an environment that no agent holds", () => {
  test("goes where most slots are free", () => {
    expect(choose([agent("a", { used: 1 }), agent("b"), agent("c", { slots: 8, used: 7 })])).toEqual({
      agent: "b",
    });
  });

  test("goes, of equals, to the one with less to do, then to the first by id", () => {
    expect(choose([agent("b"), agent("a")])).toEqual({ agent: "a" });
    expect(choose([agent("a", { slots: 4, used: 3 }), agent("b", { slots: 2, used: 1 })])).toEqual({
      agent: "b",
    });
  });

  test.each([
    ["offline", { online: false }],
    ["draining", { draining: true }],
    ["revoked", { revoked: true }],
  ])("waits when the only agent is %s", (_, more) => {
    expect(choose([agent("a", more)])).toEqual({ wait: "no_agent" });
  });

  test("waits when all are busy, or there is none", () => {
    expect(choose([agent("a", { used: 2 }), agent("b", { used: 3 })])).toEqual({ wait: "all_busy" });
    expect(choose([])).toEqual({ wait: "no_agent" });
  });
});

describe("an environment that an agent holds", () => {
  test("stays with it, even when another has more room", () => {
    expect(choose([agent("a", { used: 1 }), agent("b")], { holder: "a" })).toEqual({ agent: "a" });
  });

  test("waits for it when it is busy or draining", () => {
    expect(choose([agent("a", { used: 2 }), agent("b")], { holder: "a" })).toEqual({ wait: "holder_busy" });
    expect(choose([agent("a", { draining: true }), agent("b")], { holder: "a" })).toEqual({
      wait: "holder_busy",
    });
  });

  test("waits for it while it is away for a short time", () => {
    expect(
      choose([agent("a", { online: false, seenAt: now - goneMs + 1 }), agent("b")], { holder: "a" }),
    ).toEqual({
      wait: "holder_offline",
    });
  });

  test("moves when it is gone for long, was revoked, or is unknown", () => {
    for (const more of [{ online: false, seenAt: now - goneMs }, { revoked: true }])
      expect(choose([agent("a", more), agent("b")], { holder: "a" })).toEqual({ agent: "b" });
    expect(choose([agent("b")], { holder: "a" })).toEqual({ agent: "b" });
  });

  test("is taken down by it alone, however long it is away", () => {
    expect(
      choose([agent("a", { online: false, seenAt: 0 }), agent("b")], { holder: "a", kind: "terminate" }),
    ).toEqual({ wait: "holder_offline" });
  });

  test("cannot be taken down when it was revoked or is unknown", () => {
    expect(choose([agent("a", { revoked: true })], { holder: "a", kind: "terminate" })).toEqual({
      gone: true,
    });
    expect(choose([], { holder: "a", kind: "terminate" })).toEqual({ gone: true });
  });
});
