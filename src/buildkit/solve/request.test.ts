import { expect, test } from "vitest";
import { moby, pb } from "../../../proto/index.js";
import { frontendAttrsOf, solveRequest } from "./request.js";
import { sourceMapOf } from "./source-map.js";
import type { SolveOptions } from "./types.js";

const { SolveRequest } = moby.buildkit.v1;
const { Result } = moby.buildkit.v1.frontend;
const sent = (options: SolveOptions, throughGateway = false) =>
  SolveRequest.decode(
    SolveRequest.encode(
      solveRequest(options, "ref", "session", frontendAttrsOf(options, throughGateway), throughGateway),
    ).finish(),
  );

test("exports are sent the new way and the first one the old way, too", () => {
  const request = sent({
    exports: [
      { type: "moby", attrs: { name: "a:b" } },
      { type: "tar", attrs: {} },
    ],
  });
  expect(request.exporters.map(({ type }) => type)).toEqual(["moby", "tar"]);
  expect(request).toMatchObject({ exporterDeprecated: "moby", exporterAttrsDeprecated: { name: "a:b" } });
});

test("a build without exports names no exporter", () => {
  expect(sent({})).toMatchObject({ exporters: [], exporterDeprecated: "", frontend: "dockerfile.v0" });
});

test("cache imports reach the frontend, which reads nothing but its attribute", () => {
  const cacheImports = [{ type: "registry", attrs: { ref: "r/i:t" } }];
  const request = sent({ cacheImports, frontendAttrs: { target: "x" } });
  expect(request.frontendAttrs.target).toBe("x");
  expect(JSON.parse(request.frontendAttrs["cache-imports"] ?? "")).toEqual([
    { Type: "registry", Attrs: { ref: "r/i:t" } },
  ]);
  expect(request.cache?.imports).toMatchObject([{ type: "registry", attrs: { ref: "r/i:t" } }]);
});

test("through the gateway the frontend is left out and its attributes stay, for attestations and history", () => {
  const request = sent({ frontendAttrs: { "attest:provenance": "mode=max" } }, true);
  expect(request.frontend).toBe("");
  expect(request.frontendAttrs).toEqual({ "attest:provenance": "mode=max" });
});

test("a definition is sent byte for byte", () => {
  const op = Buffer.from([0x1a, 0x00]);
  const request = sent({ frontend: null, definition: pb.Definition.encode({ def: [op] }).finish() });
  expect(request.definition?.def.map((bytes) => Buffer.from(bytes))).toEqual([op]);
  expect(request.frontend).toBe("");
});

const line = (number: number) => ({ start: { line: number }, end: { line: number } });
const definition = (locations: Record<string, number[]>, filename = "Dockerfile"): pb.Definition.Init => ({
  source: {
    infos: [{ filename, data: Buffer.from("FROM a\nRUN b\n") }],
    locations: Object.fromEntries(
      Object.entries(locations).map(([digest, lines]) => [
        digest,
        { locations: [{ sourceIndex: 0, ranges: lines.map(line) }] },
      ]),
    ),
  },
});
const mapOf = (result: moby.buildkit.v1.frontend.Result.Init) =>
  sourceMapOf(Result.decode(Result.encode(result).finish()));

test("the ranges of an instruction's lines become one, those of several instructions stay apart", () => {
  const map = mapOf({ ref: { id: "r", def: definition({ x: [3, 4, 5], base: [9, 1], load: [] }) } });
  expect(map).toMatchObject({ filename: "Dockerfile", text: "FROM a\nRUN b\n" });
  expect([...(map?.steps ?? [])]).toEqual([
    ["x", [{ start: 3, end: 5 }]],
    [
      "base",
      [
        { start: 1, end: 1 },
        { start: 9, end: 9 },
      ],
    ],
  ]);
});

test("the platforms of an image add up, and lines of a step that they share are named once", () => {
  const refs = {
    a: { id: "1", def: definition({ x: [2], both: [1] }) },
    b: { id: "2", def: definition({ y: [2], both: [1] }) },
  };
  const map = mapOf({ refs: { refs } });
  expect([...(map?.steps.keys() ?? [])].sort()).toEqual(["both", "x", "y"]);
  expect(map?.steps.get("both")).toEqual([{ start: 1, end: 1 }]);
});

test("a result without definition, or without a file, has no map", () => {
  expect(sourceMapOf(undefined)).toBeUndefined();
  expect(mapOf({ ref: { id: "" } })).toBeUndefined();
  expect(mapOf({ ref: { id: "r", def: { def: [Buffer.from("x")] } } })).toBeUndefined();
});

test("indexes and lines that point nowhere are passed over", () => {
  const def = {
    source: {
      infos: [{ filename: "Dockerfile", data: Buffer.from("FROM a\n") }],
      locations: {
        x: { locations: [{ sourceIndex: 7, ranges: [line(1)] }] },
        y: { locations: [{ ranges: [{}] }] },
      },
    },
  };
  const map = mapOf({ ref: { id: "r", def } });
  expect(map?.steps.size).toBe(0);
});

test("where the graph is not seen, all steps get the host name that some of them would have had", () => {
  const options = {
    frontendAttrs: { "build-arg:BUILDKIT_SANDBOX_HOSTNAME": "build-base" },
    hostNames: { of: () => "build-fork", otherwise: "build-fork" },
  };
  const name = (throughGateway: boolean) =>
    sent(options, throughGateway).frontendAttrs["build-arg:BUILDKIT_SANDBOX_HOSTNAME"];
  expect([name(true), name(false)]).toEqual(["build-base", "build-fork"]);
});
