import { expect, test } from "vitest";
import type { BuildGraph } from "../src/buildkit/index.js";
import { keptMounts } from "./mount-keys.js";
import { cacheScope } from "./scope.js";

const scope = cacheScope({ repoKey: "repo", pr: null, fork: false });
const graph = {
  steps: [
    ["shared", "shared"],
    ["private", "private"],
    ["locked", "locked"],
    ["both", "shared"],
    ["both", "locked"],
  ].map(([id, sharing], number) => ({
    digest: `sha256:${number}`,
    caches: [{ id: `${scope.namespace}/${id}`, sharing }],
  })),
} as never as BuildGraph;
const keptBy = (apiVersion?: string) => {
  const engine = apiVersion === undefined ? undefined : { version: "", apiVersion, os: "", arch: "" };
  return keptMounts(graph, scope, { engine }).map(({ id }) => id);
};

test("An engine that goes on holding what a killed agent has opened is not asked for mounts that a step locks, or each build would wait for them.", () => {
  expect(keptBy("1.41")).toEqual(["shared", "private"]);
});

test.each([["1.42"], ["1.51"], [undefined]])(
  "All mounts are kept by an engine that lets go (API %s).",
  (version) => {
    expect(keptBy(version)).toEqual(["shared", "private", "locked", "both"]);
  },
);
