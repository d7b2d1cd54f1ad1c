import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type BuildKitClient, BuildKitError } from "../src/buildkit/index.js";
import { cachePlaces } from "./places.js";
import { isRegistryFailure, type RegistryBuild, registryLayers } from "./registry-layers.js";
import { writeRegistryLayers } from "./registry-record.js";
import { cacheScope } from "./scope.js";

const repoKey = "repo-a";
const prefix = "r.example/cache";
const { signal } = new AbortController();
let dataDirectory: string;
beforeEach(async () => {
  dataDirectory = await mkdtemp(join(tmpdir(), "galley-registry-"));
});
afterEach(() => rm(dataDirectory, { recursive: true, force: true }));

const baseRef = `${prefix}/${repoKey}:base.web`;
const ownRef = `${prefix}/${repoKey}:pr-7.web`;

/** A build of pull request 7, in a registry that has these names and on an engine that has these records. */
function world(options: {
  readonly has?: (ref: string) => boolean;
  readonly engineHas?: readonly string[];
  readonly cacheExport?: boolean;
  readonly fork?: boolean;
}) {
  const asked: string[] = [];
  const notes: string[] = [];
  const away: string[] = [];
  let time = 0;
  const client = {
    features: async () => ({ cacheExport: options.cacheExport ?? true, imageStore: true }),
    diskUsage: async () => (options.engineHas ?? []).map((id) => ({ id })),
  } as never as BuildKitClient;
  const build: RegistryBuild = {
    registry: {
      prefix,
      has: async (ref) => {
        asked.push(ref);
        return options.has?.(ref) ?? false;
      },
      push: async () => {},
    },
    client,
    scope: cacheScope({ repoKey, pr: 7, fork: options.fork ?? false }),
    service: "web",
    places: cachePlaces(dataDirectory, repoKey),
  };
  const layers = registryLayers({ onAway: (_, error) => away.push(error.message), now: () => time });
  return {
    ...{ asked, notes, away, layers, build },
    wait: (ms: number) => {
      time += ms;
    },
    imports: async () => (await layers.importsOf(build, (text) => notes.push(text), signal)).refs,
  };
}
const stored = (scope: string, ref: string, records: readonly string[]) =>
  writeRegistryLayers(cachePlaces(dataDirectory, repoKey), {
    ...{ v: 1, service: "web", scope, ref, mode: "max", build: "b", records, keys: [] },
    storedAt: "2026-01-01T00:00:00.000Z",
  });

test("A pull request is given what the registry has of its own and of its base's layers, a fork the base's alone.", async () => {
  const { imports, asked } = world({ has: (ref) => ref === baseRef });
  expect(await imports()).toEqual([baseRef]);
  expect(asked).toEqual([ownRef, baseRef]);
  expect(await world({ has: () => true }).imports()).toEqual([ownRef, baseRef]);
  expect(await world({ has: () => true, fork: true }).imports()).toEqual([baseRef]);
});

test("What the engine still has is not asked for; what it has lost, or is not known to have, is.", async () => {
  await stored("base", baseRef, ["r1", "r2"]);
  const still = world({ has: () => true, engineHas: ["r1", "r2"] });
  expect([await still.imports(), still.asked]).toEqual([[], []]);
  expect(await world({ has: () => true, engineHas: ["r1"] }).imports()).toEqual([ownRef, baseRef]);
  await stored("pr-7", ownRef, []);
  const half = world({ has: () => true, engineHas: ["r1", "r2"] });
  expect([await half.imports(), half.asked]).toEqual([[ownRef], [ownRef]]);
});

test("A registry that cannot be asked is a note and one warning, and is left alone for five minutes.", async () => {
  const { imports, notes, away, asked, wait, layers, build } = world({
    has: () => {
      throw new Error("r.example does not answer");
    },
  });
  expect(await imports()).toEqual([]);
  expect([notes.length, away]).toEqual([1, ["r.example does not answer"]]);
  const before = asked.length;
  expect(await imports()).toEqual([]);
  expect(await layers.exportsOf(build, signal)).toEqual([]);
  expect([notes.length, away.length, asked.length]).toEqual([1, 1, before]);
  wait(5 * 60_000);
  await imports();
  expect([notes.length, away.length]).toEqual([2, 2]);
});

test("An image carries its cache where the engine exports no other, and never that of a fork.", async () => {
  const of = (options: Parameters<typeof world>[0]) => {
    const { layers, build } = world(options);
    return layers.exportsOf(build, signal);
  };
  expect(await of({ cacheExport: true })).toEqual([]);
  expect(await of({ cacheExport: false })).toEqual([{ type: "inline", attrs: {} }]);
  expect(await of({ cacheExport: false, fork: true })).toEqual([]);
});

test("A failure is the registry's when it names it and is no step's: a step may say what it likes.", () => {
  const registry = { ...world({}).build.registry };
  const failed = (code: ConstructorParameters<typeof BuildKitError>[0], message: string) =>
    isRegistryFailure(new BuildKitError(code, message), registry);
  expect(failed("registry_unreachable", "r.example does not answer")).toBe(true);
  expect(failed("solve_failed", "failed to copy: Get https://r.example/v2/x/blobs/y: EOF")).toBe(true);
  expect(failed("registry_unreachable", "other.example does not answer")).toBe(false);
  expect(failed("step_failed", "curl: r.example")).toBe(false);
  expect(failed("cancelled", "r.example")).toBe(false);
  expect(isRegistryFailure(new Error("r.example"), registry)).toBe(false);
});
