import { describe, expect, test } from "vitest";
import {
  activeStates,
  type DeploymentNow,
  type DeploymentState,
  deploymentKinds,
  deploymentStates,
  isActive,
  isFinal,
  stateAfter,
} from "./states.js";

const now = (state: DeploymentState, more: Partial<DeploymentNow> = {}): DeploymentNow => ({
  kind: "deploy",
  state,
  cancelReason: null,
  presumed: false,
  outdated: false,
  ...more,
});
const finals = deploymentStates.filter(isFinal);

test("every state is queued, active or final, and nothing is two of them", () => {
  for (const state of deploymentStates)
    expect([state === "queued", isActive(state), isFinal(state)].filter(Boolean), state).toHaveLength(1);
});

describe("a state on the way", () => {
  test.each(
    activeStates.flatMap((from, at) => activeStates.map((to, next) => ({ from, to, forward: next > at }))),
  )("from $from to $to moves only forward", ({ from, to, forward }) => {
    expect(stateAfter(now(from), { type: "state", state: to })).toBe(forward ? to : null);
  });

  test.each([...finals, "queued" as const])("changes nothing about one that is %s", (state) => {
    for (const told of activeStates)
      expect(stateAfter(now(state), { type: "state", state: told })).toBeNull();
  });

  test("moves one that is being cancelled, too, as it runs until its agent says otherwise", () => {
    expect(
      stateAfter(now("building", { cancelReason: "cancelled" }), { type: "state", state: "starting" }),
    ).toBe("starting");
  });
});

describe("the end", () => {
  test.each(activeStates)("is believed from %s", (from) => {
    for (const outcome of ["running", "failed", "cancelled"] as const)
      expect(stateAfter(now(from), { type: "finished", outcome })).toBe(outcome);
    expect(stateAfter(now(from, { kind: "terminate" }), { type: "finished", outcome: "terminated" })).toBe(
      "terminated",
    );
  });

  test("of one that gave way to a newer one is `superseded`, unless it got through before", () => {
    const giving = now("starting", { cancelReason: "superseded" });
    expect(stateAfter(giving, { type: "finished", outcome: "cancelled" })).toBe("superseded");
    expect(stateAfter(giving, { type: "finished", outcome: "running" })).toBe("running");
    expect(stateAfter(giving, { type: "finished", outcome: "failed" })).toBe("failed");
  });

  test.each(finals)("told again about one that is %s changes nothing", (state) => {
    for (const kind of deploymentKinds)
      for (const outcome of ["running", "terminated", "failed", "cancelled"] as const)
        expect(stateAfter(now(state, { kind }), { type: "finished", outcome })).toBeNull();
  });

  test("that does not fit what was asked for is a failure", () => {
    expect(stateAfter(now("starting"), { type: "finished", outcome: "terminated" })).toBe("failed");
    expect(stateAfter(now("starting", { kind: "terminate" }), { type: "finished", outcome: "running" })).toBe(
      "failed",
    );
  });

  test("of one that nobody has claimed is not believed", () => {
    expect(stateAfter(now("queued"), { type: "finished", outcome: "running" })).toBeNull();
  });
});

describe("an agent that was given up and speaks again", () => {
  const lost = now("failed", { presumed: true });

  test("takes its deployment up where it is", () => {
    for (const state of activeStates) expect(stateAfter(lost, { type: "state", state })).toBe(state);
    expect(stateAfter(lost, { type: "finished", outcome: "running" })).toBe("running");
    expect(stateAfter(lost, { type: "finished", outcome: "cancelled" })).toBe("cancelled");
  });

  test("replaces a presumed failure by the one that it had", () => {
    expect(stateAfter(lost, { type: "finished", outcome: "failed" })).toBe("failed");
  });

  test("does not revive one that was to be cancelled, but tells when it got through", () => {
    const cancelled = now("cancelled", { presumed: true, cancelReason: "cancelled" });
    expect(stateAfter(cancelled, { type: "state", state: "building" })).toBeNull();
    expect(stateAfter(cancelled, { type: "finished", outcome: "running" })).toBe("running");
  });

  test("comes too late when something newer was requested", () => {
    const outdated = { ...lost, outdated: true };
    expect(stateAfter(outdated, { type: "state", state: "building" })).toBeNull();
    expect(stateAfter(outdated, { type: "finished", outcome: "running" })).toBeNull();
  });
});
