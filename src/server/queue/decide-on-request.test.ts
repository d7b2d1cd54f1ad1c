import { describe, expect, test } from "vitest";
import { activeStates, type DeploymentKind, type DeploymentState } from "../deployments/states.js";
import { decideOnRequest, type OpenDeployment } from "./decide-on-request.js";

const open = (
  id: string,
  state: DeploymentState,
  kind: DeploymentKind = "deploy",
  cancelReason: OpenDeployment["cancelReason"] = null,
): OpenDeployment => ({ id, kind, state, cancelReason });
const nothing = { supersede: [], cancel: [], join: null, done: false };

describe("a deployment", () => {
  test("of an idle environment disturbs nothing", () => {
    expect(decideOnRequest([], "deploy", true)).toEqual(nothing);
    expect(decideOnRequest([], "deploy", false)).toEqual(nothing);
  });

  test("takes the place of all that are queued, take-downs among them", () => {
    expect(decideOnRequest([open("a", "queued"), open("b", "queued", "terminate")], "deploy", true)).toEqual({
      ...nothing,
      supersede: ["a", "b"],
    });
  });

  test.each(activeStates)("has one that is %s cancelled, and waits for it", (state) => {
    expect(decideOnRequest([open("a", state), open("b", "queued")], "deploy", true)).toEqual({
      ...nothing,
      supersede: ["b"],
      cancel: ["a"],
    });
  });

  test("does not cancel twice", () => {
    for (const reason of ["cancelled", "superseded"] as const)
      expect(decideOnRequest([open("a", "building", "deploy", reason)], "deploy", true)).toEqual(nothing);
  });

  test("waits for a take-down that has begun", () => {
    expect(decideOnRequest([open("a", "claimed", "terminate")], "deploy", true)).toEqual(nothing);
  });
});

describe("a take-down", () => {
  test("supersedes everything of its environment", () => {
    expect(decideOnRequest([open("a", "building"), open("b", "queued")], "terminate", true)).toEqual({
      ...nothing,
      supersede: ["b"],
      cancel: ["a"],
    });
  });

  test("joins one that is queued or under way, and supersedes what came after it", () => {
    expect(decideOnRequest([open("t", "queued", "terminate")], "terminate", true)).toEqual({
      ...nothing,
      join: "t",
    });
    expect(
      decideOnRequest([open("t", "starting", "terminate"), open("d", "queued")], "terminate", true),
    ).toEqual({ ...nothing, join: "t", supersede: ["d"] });
  });

  test("prefers the one under way to a queued one", () => {
    expect(
      decideOnRequest(
        [open("q", "queued", "terminate"), open("t", "claimed", "terminate")],
        "terminate",
        true,
      ),
    ).toEqual({ ...nothing, join: "t", supersede: ["q"] });
  });

  test("is done at once where no agent holds anything", () => {
    expect(decideOnRequest([open("a", "queued")], "terminate", false)).toEqual({
      ...nothing,
      supersede: ["a"],
      done: true,
    });
    expect(decideOnRequest([open("a", "claimed")], "terminate", false).done).toBe(false);
  });
});
