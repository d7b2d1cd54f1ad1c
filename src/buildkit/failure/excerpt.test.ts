import { expect, test } from "vitest";
import { instructionsOf, linesNaming, linesOfStep, stageNames } from "./dockerfile.js";
import { excerptOf } from "./excerpt.js";
import { maskArgumentsOf, maskCredentials, maskFor, maskSteps } from "./mask.js";
import { nearest } from "./nearest.js";

const numbered = Array.from({ length: 100 }, (_, index) => `line ${index + 1}`).join("\n");

test("three lines stand around the guilty ones, and distant ranges leave a gap", () => {
  const excerpt = excerptOf(
    numbered,
    [
      { start: 10, end: 11 },
      { start: 50, end: 50 },
    ],
    maskCredentials,
  );
  expect(excerpt.map((line) => line.line)).toEqual([7, 8, 9, 10, 11, 12, 13, 14, 47, 48, 49, 50, 51, 52, 53]);
  expect(excerpt.filter((line) => line.failed).map((line) => line.text)).toEqual([
    "line 10",
    "line 11",
    "line 50",
  ]);
});

test("the file's ends, its line ends and ranges beyond it are kept in bounds", () => {
  expect(excerptOf("a\r\nb\r\n", [{ start: 1, end: 2 }], maskCredentials).map((line) => line.text)).toEqual([
    "a",
    "b",
  ]);
  expect(excerptOf("a\n", [{ start: 9, end: 12 }], maskCredentials)).toEqual([]);
  expect(excerptOf("", [{ start: 1, end: 1 }], maskCredentials)).toEqual([]);
});

test("long lines and long ranges are cut, and control characters and credentials left out", () => {
  const text = `RUN ${"x".repeat(500)}\nRUN \u001b[2Jcurl https://me:secret@host/\n${numbered}`;
  const excerpt = excerptOf(text, [{ start: 1, end: 4294967295 }], maskCredentials);
  expect(excerpt.length).toBe(60);
  expect(excerpt[0]?.text).toHaveLength(200);
  expect(excerpt[1]?.text).toBe("RUN curl https://***@host/");
});

test("instructions are read with their continuation lines, comments inside them and heredocs", () => {
  const text =
    "# syntax=x\nFROM a AS one\nRUN x && \\\n  # why\n\n  y\nRUN <<EOT\nFROM no\nEOT\nFROM b as Two\n";
  expect(instructionsOf(text).map(({ text, start, end }) => `${start}-${end} ${text}`)).toEqual([
    "2-2 FROM a AS one",
    "3-6 RUN x && y",
    "7-9 RUN <<EOT",
    "10-10 FROM b as Two",
  ]);
  expect(stageNames(text)).toEqual(["one", "Two"]);
});

test("the escape directive is honoured", () => {
  expect(instructionsOf("# escape=`\nFROM a\nRUN x `\n y\n")).toHaveLength(2);
});

test("an image is found whichever short form the Dockerfile uses", () => {
  const text =
    "FROM node:22\nFROM --platform=linux/amd64 busybox AS b\nCOPY --from=docker.io/library/redis:7 /a /b\n";
  expect(linesNaming(text, "docker.io/library/node:22")).toMatchObject([{ start: 1, end: 1 }]);
  expect(linesNaming(text, "docker.io/library/busybox:latest")).toMatchObject([{ start: 2 }]);
  expect(linesNaming(text, "docker.io/library/redis:7")).toMatchObject([{ start: 3 }]);
  expect(linesOfStep(text, "[b 1/2] COPY --from=docker.io/library/redis:7  /a /b")).toMatchObject([
    { start: 3 },
  ]);
});

test("the nearest word is close and not merely short", () => {
  expect(nearest("biulder", ["web", "builder", "base"])).toBe("builder");
  expect(nearest("RUM", ["ARG", "RUN", "CMD"])).toBe("RUN");
  expect(nearest("ab", ["cd", "xy"])).toBeUndefined();
  expect(nearest("frobnicate", ["builder"])).toBeUndefined();
  expect(nearest("", ["a"])).toBeUndefined();
});

test("credentials in URLs, headers and build arguments with telling names are masked, ordinary text is not", () => {
  const mask = maskFor({
    "build-arg:NPM_TOKEN": "npm_abcdef",
    "build-arg:MODE": "production",
    target: "secret",
  });
  expect(mask("npm_abcdef in production of secret")).toBe("*** in production of secret");
  expect(mask("git clone https://x-access-token:ghp_1@github.com/a/b")).toBe(
    "git clone https://***@github.com/a/b",
  );
  expect(mask("https://host/@scope/pkg mail a@b.c")).toBe("https://host/@scope/pkg mail a@b.c");
  expect(mask("Authorization: Bearer abc.def")).toBe("Authorization: Bearer ***");
});

test("the password of a proxy is masked, with or without a scheme, as it is and as it is written in URLs", () => {
  const mask = maskFor({
    "build-arg:HTTP_PROXY": "http://agent:p%40ss-word@proxy:3128",
    "build-arg:https_proxy": "agent:without-scheme@proxy:3128",
    "build-arg:NO_PROXY": "a.example,b.example",
  });
  const text =
    "via http://agent:p%40ss-word@proxy:3128, p@ss-word, agent:without-scheme@proxy, not a.example";
  const masked = mask(text);
  expect(masked).not.toMatch(/word|without-scheme/);
  expect(masked).toContain("proxy:3128");
  expect(masked).toContain("a.example");
});

test("names and errors of steps are masked where an argument is surely secret, and left alone elsewhere", () => {
  const mask = maskArgumentsOf({
    "build-arg:NPM_TOKEN": "npm_abcdef",
    "build-arg:TOKENIZER_VERSION": "0.15.1",
    "build-arg:AUTHOR": "Jane Roe",
  });
  const vertex = {
    digest: "sha256:a",
    name: "RUN use npm_abcdef 0.15.1 Jane Roe",
    error: "npm_abcdef failed",
    cached: true,
  };
  const status = { vertexes: [vertex], statuses: [], logs: [], warnings: [] };
  expect(mask && maskSteps(status, mask).vertexes).toEqual([
    { ...vertex, name: "RUN use *** 0.15.1 Jane Roe", error: "*** failed" },
  ]);
  expect(maskArgumentsOf({ "build-arg:AUTHOR": "Jane Roe" })).toBeUndefined();
});
