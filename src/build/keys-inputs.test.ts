import { expect, test } from "vitest";
import { dockerfileInputs } from "./keys-inputs.js";

const inputs = (text: string, options: { target?: string; buildArgs?: Record<string, string> } = {}) =>
  dockerfileInputs(text, { platform: "linux/amd64", buildArgs: {}, ...options });

test("images and paths of a plain Dockerfile are what its lines name", () => {
  expect(
    inputs(`# syntax=docker/dockerfile:1
FROM node:22-slim
WORKDIR /repo
COPY package.json package-lock.json ./
COPY ./services/basket/ services/basket
COPY ["a b", "/x/"]
RUN --mount=type=cache,target=/root/.npm npm ci
`),
  ).toEqual({
    images: ["docker/dockerfile:1", "node:22-slim"],
    paths: ["a b", "package-lock.json", "package.json", "services/basket"],
  });
});

test("only stages that the target needs count, by name without case and by number", () => {
  const text = `FROM golang:1 AS Build
COPY src src
FROM alpine AS unused
COPY docs docs
FROM debian AS other
COPY other other
FROM scratch
COPY --from=build /out /out
COPY --from=2 /x /x
COPY --from=registry.example.org/tool@sha256:${"0".repeat(64)} /t /t
`;
  expect(inputs(text)).toEqual({
    images: ["debian", "golang:1", `registry.example.org/tool@sha256:${"0".repeat(64)}`],
    paths: ["other", "src"],
  });
  expect(inputs(text, { target: "unused" })).toEqual({ images: ["alpine"], paths: ["docs"] });
});

test("arguments in front of the first FROM are expanded there, build arguments win", () => {
  const text = `ARG V=3.19
ARG IMAGE=alpine:\${V}
ARG EMPTY
FROM --platform=$BUILDPLATFORM \${IMAGE} AS a
FROM \${EMPTY:-busybox}\${V:+:1}
COPY --from=a / /
`;
  expect(inputs(text)).toMatchObject({ images: ["alpine:3.19", "busybox:1"] });
  expect(inputs(text, { buildArgs: { V: "3.20", EMPTY: "debian" } })).toMatchObject({
    images: ["alpine:3.20", "debian:1"],
  });
});

test("a whole context, a variable or a wildcard in the first component take all of it", () => {
  for (const source of ["COPY . /app", "COPY $DIR /app", "COPY *.js /app", "COPY / /app", 'COPY "a" /app'])
    expect(inputs(`FROM a\n${source}\n`), source).toEqual({ images: ["a"], paths: "all" });
  expect(inputs("FROM a\nCOPY src/*.js lib/x/../y /app/\n")).toMatchObject({ paths: ["lib/y", "src"] });
  expect(inputs("FROM a\nRUN --mount=target=/src make\n")).toMatchObject({ paths: "all" });
  expect(inputs("FROM a\nRUN --mount=type=bind,source=go.mod,target=/m make\n")).toMatchObject({
    paths: ["go.mod"],
  });
  expect(inputs("FROM a\nRUN --mount=from=tool:1,target=/t make\n")).toEqual({
    images: ["a", "tool:1"],
    paths: [],
  });
});

test("continuations, comments within them, and heredocs are followed", () => {
  expect(
    inputs(`FROM a
COPY one \\
  # not two
  two \\

  /x/
RUN <<EOF
FROM nothing
COPY secret /x
EOF
COPY <<-"FILE" three /y/
	FROM text
	FILE
COPY four /z
`),
  ).toEqual({ images: ["a"], paths: ["four", "one", "three", "two"] });
});

test("another escape character, lower case and a byte order mark are understood", () => {
  expect(inputs("\uFEFF# escape=`\nfrom a as b\ncopy one `\n two /x/\n")).toEqual({
    images: ["a"],
    paths: ["one", "two"],
  });
});

test("what only BuildKit can judge is unknown, not guessed", () => {
  for (const text of [
    "FROM a\nADD https://example.org/x.tar /x\n",
    "FROM a\nADD git@example.org:x/y.git /x\n",
    "FROM a\nADD $WHAT /x\n",
    `ARG X\nFROM $${"{X#y}"}\n`,
    "FROM a\nCOPY --from=$STAGE / /\n",
    "FROM a\nRUN <<EOF\nnever ends\n",
    "RUN before\nFROM a\n",
    "FROM a b c\n",
    "",
  ])
    expect(inputs(text), text).toHaveProperty("unknown");
  expect(inputs("FROM a\n", { target: "absent" })).toHaveProperty("unknown");
});

test("a stage's name does not hide an image of a later line's own name", () => {
  expect(inputs("FROM alpine AS base\nFROM later\nFROM base AS later\n")).toEqual({
    images: ["alpine"],
    paths: [],
  });
});
