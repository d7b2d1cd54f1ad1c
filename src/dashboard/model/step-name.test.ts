import { expect, test } from "vitest";
import { stepName } from "./step-name.js";

const digest = `sha256:${"a".repeat(64)}`;

test.each([
  ["[web 3/5] RUN npm ci", { stage: "web", place: "3/5", label: "RUN npm ci", internal: false }],
  ["[2/3] COPY a b", { stage: null, place: "2/3", label: "COPY a b", internal: false }],
  ["[linux/arm64 deps 1/4] RUN x", { stage: "deps", place: "1/4", label: "RUN x", internal: false }],
  [
    `[base 1/2] FROM docker.io/library/busybox:latest@${digest}`,
    { stage: "base", place: "1/2", label: "FROM docker.io/library/busybox:latest", internal: false },
  ],
  [
    "[internal] load .dockerignore",
    { stage: null, place: null, label: "load .dockerignore", internal: true },
  ],
  ["exporting to image", { stage: null, place: null, label: "exporting to image", internal: false }],
  [
    "[stage-1 2/2] RUN a &&     b\n  c",
    { stage: "stage-1", place: "2/2", label: "RUN a && b c", internal: false },
  ],
  ["[not closed", { stage: null, place: null, label: "[not closed", internal: false }],
  ["", { stage: null, place: null, label: "", internal: false }],
])("%s is taken apart", (name, expected) => {
  expect(stepName(name)).toEqual(expected);
});
