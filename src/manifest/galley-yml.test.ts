import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseManifest, startOrder } from "./index.js";

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error("nothing was thrown");
}

test("the bundled sample is a valid manifest of three services", () => {
  const manifest = parseManifest(
    readFileSync(new URL("../../examples/shop/galley.yml", import.meta.url), "utf8"),
  );
  expect(manifest.services.map(({ name }) => name)).toEqual(["web", "api", "db"]);
  expect(manifest.services[1]).toMatchObject({
    kind: "api",
    build: { path: "api", dockerfile: "Dockerfile", args: {}, secrets: [] },
    expose: 3000,
    health: { path: "/api/health", status: 200, timeoutSeconds: 60 },
  });
  expect(startOrder(manifest.services).map((wave) => wave.map(({ name }) => name))).toEqual([
    ["db"],
    ["api"],
    ["web"],
  ]);
});

test("every error of a file is told at once, with line and column", () => {
  const message = messageOf(() =>
    parseManifest(
      [
        "version: 1",
        "services:",
        "  Web:",
        "    image: a",
        "  api:",
        "    build: { path: ../.. }",
        "    expose: 99999",
        "  db:",
        "    kind: sql",
      ].join("\n"),
    ),
  );
  expect(message).toContain("galley.yml:6:20: services.api.build.path: must be a path inside the repository");
  expect(message).toContain("galley.yml:7:13: services.api.expose");
  expect(message).toContain("galley.yml:9:11: services.db.kind");
  expect(message).toContain("services.Web");
});

test("broken YAML, duplicate keys and wrong shapes are refused with their place", () => {
  expect(messageOf(() => parseManifest("version: 1\nservices: [\n"))).toMatch(/^galley\.yml:\d+:\d+: /);
  expect(messageOf(() => parseManifest("version: 1\nversion: 1\nservices: {}"))).toContain("galley.yml:2:1");
  expect(messageOf(() => parseManifest("- a"))).toContain("galley.yml:1:1");
  expect(messageOf(() => parseManifest(""))).toContain("the file");
  expect(messageOf(() => parseManifest("version: 2\nservices: {a: {image: b}}"))).toContain("version");
});

test("aliases that multiply are refused before they fill the memory", () => {
  const bomb = ["a: &a [x,x,x,x,x,x,x,x,x]"];
  for (let i = 1; i < 9; i++) {
    const [previous, next] = [String.fromCharCode(96 + i), String.fromCharCode(97 + i)];
    bomb.push(`${next}: &${next} [${Array(9).fill(`*${previous}`).join(",")}]`);
  }
  expect(messageOf(() => parseManifest(bomb.join("\n")))).toMatch(/alias/i);
});

test("a file too large is not parsed", () => {
  expect(messageOf(() => parseManifest("#".repeat(300_000)))).toContain("larger than 256 KiB");
});

test("unknown dependencies and circles are named", () => {
  const of = (text: string) => startOrder(parseManifest(text).services);
  expect(messageOf(() => of("version: 1\nservices: {a: {image: x, depends_on: [b]}}"))).toContain(
    "depends on b, which is not",
  );
  expect(
    messageOf(() =>
      of("version: 1\nservices: {a: {image: x, depends_on: [b]}, b: {image: x, depends_on: [a]}}"),
    ),
  ).toContain("in a circle: a, b");
});

test("secrets of the project are asked for by name, for a build and for a running service apart", () => {
  const [web] = parseManifest(
    "version: 1\nservices: {web: {build: {secrets: [NPM_TOKEN]}, secrets: [DATABASE_PASSWORD]}}",
  ).services;
  expect(web).toMatchObject({ build: { secrets: ["NPM_TOKEN"] }, secrets: ["DATABASE_PASSWORD"] });
  expect(
    messageOf(() => parseManifest("version: 1\nservices: {web: {image: a, secrets: ['a b']}}")),
  ).toContain("must be a name of letters, digits and _");
});
