import { expect, test } from "vitest";
import { environmentState } from "./environment-state.js";
import { activeStates } from "./states.js";

test("a preview is building while a deployment of it is under way", () => {
  for (const state of activeStates)
    for (const serving of [true, false])
      expect(environmentState({ kind: "deploy", state }, serving)).toBe("building");
});

test("a deployment that did not get through leaves a running preview running", () => {
  for (const state of ["queued", "failed", "cancelled"] as const)
    expect(environmentState({ kind: "deploy", state }, true)).toBe("running");
});

test("without containers, it is what the newest deployment came to", () => {
  expect(environmentState({ kind: "deploy", state: "queued" }, false)).toBe("pending");
  expect(environmentState({ kind: "deploy", state: "cancelled" }, false)).toBe("pending");
  expect(environmentState({ kind: "deploy", state: "failed" }, false)).toBe("failed");
  expect(environmentState({ kind: "deploy", state: "running" }, false)).toBe("running");
});

test("it is terminated when its agent says so, and not before", () => {
  expect(environmentState({ kind: "terminate", state: "queued" }, true)).toBe("running");
  expect(environmentState({ kind: "terminate", state: "starting" }, true)).toBe("running");
  expect(environmentState({ kind: "terminate", state: "starting" }, false)).toBe("pending");
  expect(environmentState({ kind: "terminate", state: "terminated" }, false)).toBe("terminated");
  expect(environmentState({ kind: "terminate", state: "failed" }, true)).toBe("failed");
});

test("one whose containers are stopped hibernates, until a deployment is under way", () => {
  for (const state of ["running", "queued", "failed", "cancelled"] as const)
    expect(environmentState({ kind: "deploy", state }, true, true)).toBe("hibernating");
  expect(environmentState({ kind: "terminate", state: "queued" }, true, true)).toBe("hibernating");
  expect(environmentState({ kind: "deploy", state: "starting" }, true, true)).toBe("building");
});
