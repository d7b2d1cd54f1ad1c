import { expect, test } from "vitest";
import { toLintWarning } from "./lint.js";

const warning = {
  vertex: "sha256:aa",
  level: 1,
  short: "StageNameCasing: Stage name 'Web' should be lowercase (line 1)",
  detail: ["Stage names should be lowercase"],
  url: "https://docs.docker.com/go/dockerfile/rule/stage-name-casing/",
  sourceInfo: { filename: "Dockerfile" },
  ranges: [{ start: { line: 1 }, end: { line: 1 } }],
};

test("a lint warning of engine 28 is taken apart into rule, message, file, lines and address", () => {
  expect(toLintWarning(warning)).toEqual({
    rule: "StageNameCasing",
    message: "Stage name 'Web' should be lowercase",
    file: "Dockerfile",
    lines: [{ start: 1, end: 1 }],
    url: "https://docs.docker.com/go/dockerfile/rule/stage-name-casing/",
  });
});

test("a warning that is no lint rule keeps its whole sentence", () => {
  expect(toLintWarning({ ...warning, short: "the cache could not be read", ranges: [] })).toMatchObject({
    message: "the cache could not be read",
    lines: [],
  });
  expect(toLintWarning({ ...warning, short: "the cache could not be read" }).rule).toBeUndefined();
});

test("an address that is no web address is left out, and so are control characters", () => {
  const hostile = toLintWarning({
    ...warning,
    short: "Rule: \u001b[2Jx (line 2)",
    url: "javascript:alert(1)",
  });
  expect(hostile.url).toBeUndefined();
  expect(hostile.message).toBe("x");
});
