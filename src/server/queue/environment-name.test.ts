import { describe, expect, test } from "vitest";
import { environmentOf, refPattern } from "./environment-name.js";

describe("an environment's name", () => {
  test("is that of the pull request, whose head is fetched", () => {
    expect(environmentOf({ pr: 7 })).toEqual({ name: "pr-7", pr: 7, ref: "refs/pull/7/head" });
  });

  test("is readable for a plain branch", () => {
    expect(environmentOf({ ref: "main" })).toEqual({ name: "ref-main", pr: null, ref: "main" });
  });

  test("tells refs apart that look alike", () => {
    const names = [
      "feature/x",
      "feature-x",
      "Feature-X",
      "feature_x",
      "refs/heads/feature-x",
      "feature-x-",
      "é",
      "日本",
    ].map((ref) => environmentOf({ ref }).name);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^ref-[a-z0-9]+(-[a-z0-9]+)*$/);
  });

  test("leaves room for the project in a label of a host name", () => {
    for (const ref of ["x".repeat(200), "a".repeat(19), "0123456789012345678/abc"])
      expect(environmentOf({ ref }).name.length).toBeLessThanOrEqual(22);
  });
});

describe("a ref", () => {
  test.each([
    "main",
    "v1.2",
    "feature/x",
    "refs/pull/7/head",
    "a1b2c3",
    "ünï/日本",
    "x@y",
    "dependabot/npm_and_yarn/a-1.0",
  ])("may be %s", (ref) => expect(ref).toMatch(refPattern));

  test.each([
    "",
    "-x",
    "--upload-pack=evil",
    "a..b",
    "a b",
    "a\nb",
    "a~1",
    "a^",
    "a:b",
    "@{u}",
    "/a",
    "a/",
    "a//b",
    ".a",
    "a/.b",
    "a.lock",
    "a.",
    "a\\b",
    "a\u0000",
    "x".repeat(201),
  ])("may not be %j", (ref) => expect(ref).not.toMatch(refPattern));
});
