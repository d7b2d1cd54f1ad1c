import { expect, test } from "vitest";
import { BuildKitError } from "../buildkit/index.js";
import { GalleyError } from "../errors/index.js";
import { failureSchema } from "../events/index.js";
import { failureOf } from "./failure.js";

test("of a failed build everything is told that a person needs", () => {
  const failure = failureOf(
    new BuildKitError("step_failed", "npm ci exited with 1", {
      hint: "Look.",
      failure: {
        step: "[web 3/5] RUN npm ci",
        exitCode: 1,
        command: "npm ci",
        dockerfile: { name: "Dockerfile", excerpt: [{ line: 3, text: "RUN npm ci", failed: true }] },
        logTail: ["boom"],
      },
    }),
  );
  expect(failureSchema.parse(failure)).toEqual({
    code: "step_failed",
    message: "npm ci exited with 1",
    hint: "Look.",
    step: "[web 3/5] RUN npm ci",
    command: "npm ci",
    exitCode: 1,
    dockerfile: { name: "Dockerfile", excerpt: [{ line: 3, text: "RUN npm ci", failed: true }] },
    logTail: ["boom"],
  });
});

test("an error without a code is told as one, without its stack", () => {
  expect(failureSchema.parse(failureOf(new GalleyError("git_failed", "no")))).toMatchObject({
    code: "git_failed",
    hint: null,
  });
  const failure = failureOf(new TypeError("x is not a function"));
  expect(failure).toMatchObject({
    code: "internal",
    message: expect.stringContaining("x is not a function"),
  });
  expect(JSON.stringify(failure)).not.toContain("failure.test");
});
