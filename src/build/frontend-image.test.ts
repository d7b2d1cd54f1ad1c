import { expect, test } from "vitest";
import { frontendImage } from "./frontend-image.js";

const of = (text: string, args = {}) => frontendImage(text, args);

test("A Dockerfile without a syntax line is read by the engine.", () => {
  for (const text of [
    "FROM a",
    "# escape=`\nFROM a",
    "FROM a\n# syntax=x",
    "# a comment\n# syntax=x\nFROM a",
  ])
    expect(of(text), text).toBeUndefined();
});

test("The frontends of the Dockerfile's makers are told from everybody else's.", () => {
  for (const image of [
    "docker/dockerfile",
    "docker/dockerfile:1.7",
    "docker.io/docker/dockerfile-upstream:master",
  ])
    expect(of(`# syntax=${image}\nFROM a`)).toEqual({ image, trusted: true });
  for (const image of [
    "evil/dockerfile:1",
    "docker/dockerfile.evil.example/x",
    "registry.example/docker/dockerfile:1",
    "docker/dockerfile-evil",
    "docker/dockerfile/evil",
  ])
    expect(of(`#!/usr/bin/x\n# escape=\\\n#  SYNTAX = ${image} more\nFROM a`)).toEqual({
      image,
      trusted: false,
    });
  expect(of("# syntax=docker/dockerfile\n# syntax=evil/x\nFROM a")).toEqual({
    image: "evil/x",
    trusted: false,
  });
  expect(of("FROM a", { BUILDKIT_SYNTAX: "evil/x" })).toEqual({ image: "evil/x", trusted: false });
});
