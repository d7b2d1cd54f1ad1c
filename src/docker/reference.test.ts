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
  ["a--b", "docker.io/library/a--b:latest"],
  ["index.docker.io/team/app", "docker.io/team/app:latest"],
  ["docker.io/nginx", "docker.io/library/nginx:latest"],
  ["127.0.0.1:5000/app:1", "127.0.0.1:5000/app:1"],
  ["REGISTRY/app", "REGISTRY/app:latest"],
  ["a.b/c", "a.b/c:latest"],
  ["a:5/c", "a:5/c:latest"],
  ["a/b:5", "docker.io/a/b:5"],
  ["host:5000", "docker.io/library/host:5000"],
  ["xn--nxasmq6b.example/app", "xn--nxasmq6b.example/app:latest"],
  ["a:_x", "docker.io/library/a:_x"],
  [`a:${"t".repeat(128)}`, `docker.io/library/a:${"t".repeat(128)}`],
  [`${"a".repeat(64)}:tag`, `docker.io/library/${"a".repeat(64)}:tag`],
  [`sha256:${"a".repeat(64)}`, `docker.io/library/sha256:${"a".repeat(64)}`],
  [`r.example:443/a/b@sha512:${"0".repeat(128)}`, `r.example:443/a/b@sha512:${"0".repeat(128)}`],
  ["x".repeat(237), `docker.io/library/${"x".repeat(237)}:latest`],
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
  "a..b",
  "a_.b",
  "a-",
  "a/-b",
  "a\n",
  "a:tag\n",
  "a/B",
  "Team/app/X",
  "/a",
  "../a",
  "a/../b",
  "-host.example/a",
  "host-.example/a",
  "host:port/a",
  "[::g]/a",
  "a@b",
  "a@sha256:",
  `a@sha256:${"a".repeat(63)}`,
  `a@sha256:${"A".repeat(64)}`,
  `a@sha256:${"a".repeat(64)}@sha256:${"a".repeat(64)}`,
  `a@md5:${"a".repeat(32)}`,
  `a:-x`,
  `a:${"t".repeat(129)}`,
  "a?x=1",
  "a%2fb",
  "ü",
  "x".repeat(238),
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
