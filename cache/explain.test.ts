import { expect, test } from "vitest";
import type { StepRecord } from "./build-record.js";
import { explainSteps } from "./explain.js";

const step = (name: string, own: string, files: string, key: string, cached = false): StepRecord => ({
  name,
  own,
  files,
  key,
  cached,
  took: cached ? 0 : 5,
  mounts: [],
});
const before = [
  step("[1/3] COPY package.json", "a", "f1", "k1"),
  step("[2/3] RUN npm ci", "b", "", "k2"),
  step("[3/3] COPY . .", "c", "f2", "k3"),
];
const why = (steps: readonly StepRecord[], earlier?: readonly StepRecord[]) =>
  explainSteps(steps, earlier).map((told) => [told.why, told.because]);

test("Changed files are told from what follows from them.", () => {
  const steps = [
    step("[1/3] COPY package.json", "a", "f1x", "k1x"),
    step("[2/3] RUN npm ci", "b", "", "k2x"),
    step("[3/3] COPY . .", "c", "f2x", "k3x"),
  ];
  expect(why(steps, before)).toEqual([
    ["files changed", null],
    ["earlier step changed", "[1/3] COPY package.json"],
    ["files changed", null],
  ]);
});

test("A changed command, a new step with other numbers, and a step that BuildKit no longer had are told apart.", () => {
  const steps = [
    step("[1/4] COPY package.json", "a", "f1", "k1", true),
    step("[2/4] RUN echo new", "n", "", "kn"),
    step("[3/4] RUN npm ci", "b2", "", "k2x"),
    step("[4/4] COPY . .", "c", "f2", "k3"),
  ];
  expect(why(steps, before)).toEqual([
    ["cached", null],
    ["new step", null],
    ["command changed", null],
    ["not kept", null],
  ]);
});

test("Without an earlier build nothing is compared.", () => {
  expect(why(before).every(([reason]) => reason === "first build")).toBe(true);
});
