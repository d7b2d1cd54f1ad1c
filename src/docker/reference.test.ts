import { expect, test } from "vitest";
import { canonicalName, familiarName, parseReference } from "./index.js";

const digest = `sha256:${"a".repeat(64)}`;

test.each([
  ["nginx", "docker.io/library/nginx:latest"],
  ["nginx:1", "docker.io/library/nginx:1"],
  ["team/app", "docker.io/team/app:latest"],
  ["index.docker.io/nginx", "docker.io/library/nginx:latest"],
  ["docker.io/team/app:1", "docker.io/team/app:1"],
  ["localhost/app", "localhost/app:latest"],
  ["localhost:5000/a/b/c:1.2-x", "localhost:5000/a/b/c:1.2-x"],
  ["registry.example.org/app", "registry.example.org/app:latest"],
  ["[::1]:5000/app", "[::1]:5000/app:latest"],
  [`app@${digest}`, `docker.io/library/app@${digest}`],
  [`app:1@${digest}`, `docker.io/library/app:1@${digest}`],
  ["a__b/c.d-e", "docker.io/a__b/c.d-e:latest"],
])("%s is %s", (text, canonical) => {
  expect(canonicalName(text)).toBe(canonical);
});

test.each([
  "",
  ":1",
  "App",
  "a b",
  "a//b",
  "a/",
  "-a",
  "a:",
  "a:b c",
  "a@sha256:12",
  "a:b:c",
  "https://a/b",
  "a___b",
  "x".repeat(256),
  "a".repeat(64),
])("%j is refused with a reason", (text) => {
  expect(() => parseReference(text)).toThrow("is not the name of an image");
});

test("people see names without Docker Hub's prefix", () => {
  expect(familiarName("docker.io/library/nginx")).toBe("nginx:latest");
  expect(familiarName("docker.io/team/app:2")).toBe("team/app:2");
  expect(familiarName("localhost:5000/app")).toBe("localhost:5000/app:latest");
});
