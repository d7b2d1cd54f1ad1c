import { expect, test } from "vitest";
import { createFilesTree, type TreeFilter } from "../buildkit/index.js";
import { type BuildKeyInput, buildKeys } from "./keys.js";
import { coversAsked, foundPaths, wantedPaths } from "./keys-paths.js";
import { recordBuild } from "./keys-record.js";

const file = (path: string, id = path, mode = "100644") => ({ path, mode, id });
const input: BuildKeyInput = {
  scope: ["agent", "project"],
  build: { path: ".", dockerfile: "Dockerfile", args: { A: "1", B: "2" } },
  platform: "linux/amd64",
  images: new Map([
    ["node:22", "sha256:a"],
    ["alpine", "sha256:b"],
  ]),
  secrets: [],
  tree: "t1",
  paths: [file("a"), file("Dockerfile")],
};
const keys = buildKeys(input);

test("the order of arguments, images and paths changes no key", () => {
  expect(
    buildKeys({
      ...input,
      build: { ...input.build, args: { B: "2", A: "1" } },
      images: new Map([...input.images].reverse()),
      paths: [file("Dockerfile"), file("a")],
    }),
  ).toEqual(keys);
});

test.each<[string, Partial<BuildKeyInput>]>([
  ["agent", { scope: ["other", "project"] }],
  ["argument", { build: { ...input.build, args: { A: "1", B: "3" } } }],
  ["target", { build: { ...input.build, target: "x" } }],
  ["Dockerfile", { build: { ...input.build, dockerfile: "other" } }],
  ["written Dockerfile", { build: { ...input.build, generated: "FROM alpine" } }],
  ["context", { build: { ...input.build, path: "sub" } }],
  ["platform", { platform: "linux/arm64" }],
  ["base image", { images: new Map([["node:22", "sha256:c"], ...[...input.images].slice(1)]) }],
  ["secret", { secrets: ["TOKEN"] }],
])("another %s is another image", (_, change) => {
  const changed = buildKeys({ ...input, ...change });
  expect(changed.wide).not.toBe(keys.wide);
  expect(changed.narrow).not.toBe(keys.narrow);
});

test("a file beside the ones that are taken changes the wide key alone", () => {
  const changed = buildKeys({ ...input, tree: "t2" });
  expect(changed.narrow).toBe(keys.narrow);
  expect(changed.wide).not.toBe(keys.wide);
  expect(buildKeys({ ...input, paths: undefined })).toEqual({ wide: keys.wide, narrow: undefined });
});

test.each([
  ["content", [file("a", "other"), file("Dockerfile")]],
  ["executable bit", [file("a", "a", "100755"), file("Dockerfile")]],
  ["new ignore file", [...(input.paths ?? []), file(".dockerignore")]],
])("of a taken file, its %s changes the narrow key", (_, paths) => {
  expect(buildKeys({ ...input, paths }).narrow).not.toBe(keys.narrow);
});

test("paths are looked up below the context, with everything that decides how they are taken", () => {
  const build = { path: "./services/web/", dockerfile: "docker/Dockerfile", args: {} };
  expect(wantedPaths(build, ["src", "lib/x"])).toEqual({
    taken: ["services/web/src", "services/web/lib/x"],
    about: expect.arrayContaining([
      "services/web/docker/Dockerfile",
      "services/web/docker/Dockerfile.dockerignore",
      "services/web/.dockerignore",
      ".gitattributes",
      "services/.gitattributes",
      "services/web/lib/.gitattributes",
    ]),
  });
  expect(wantedPaths(build, "all")).toBeUndefined();
});

test("a taken path that is missing or a link leaves the whole context to be judged", () => {
  const wanted = { taken: ["a"], about: [".dockerignore", "Dockerfile"] };
  const there = { mode: "100644", id: "1" };
  const link = { mode: "120000", id: "2" };
  const of = (found: Record<string, typeof there>) => foundPaths(wanted, new Map(Object.entries(found)));
  expect(of({ a: there, Dockerfile: there })).toEqual([
    { path: "a", ...there },
    { path: "Dockerfile", ...there },
  ]);
  expect(of({ Dockerfile: there })).toBeUndefined();
  expect(of({ a: link, Dockerfile: there })).toBeUndefined();
  expect(of({ a: there, Dockerfile: link })).toBeUndefined();
});

test("what the daemon asked for has to lie within what the key was made of", () => {
  expect(coversAsked(["src", "package.json"], ["/src/x", "src", "./package.json", "src/*.js"])).toBe(true);
  expect(coversAsked(["src"], ["srcs"])).toBe(false);
  expect(coversAsked(["src"], ["/"])).toBe(false);
  expect(coversAsked(["src"], ["*.js"])).toBe(false);
  expect(coversAsked(["src"], "all")).toBe(false);
});

test("a record holds what was followed and which images were looked up, but no build files", () => {
  const none = { includePatterns: [], excludePatterns: [], followPaths: [] };
  const signal = new AbortController().signal;
  const served: TreeFilter[] = [];
  const tree = {
    entries(filter: TreeFilter) {
      served.push(filter);
      return createFilesTree(new Map()).entries(filter, signal);
    },
    read: () => createFilesTree(new Map()).read({} as never, signal),
    close: async () => {},
  };
  const record = recordBuild(tree, "docker/Dockerfile");
  const own = [".dockerignore", "docker/Dockerfile", "docker/dockerfile", "docker/Dockerfile.dockerignore"];
  record.tree.entries({ ...none, followPaths: own }, signal);
  expect(record.asked()).toEqual([]);
  record.tree.entries({ ...none, followPaths: ["/src", "Dockerfile"] }, signal);
  expect(record.asked()).toEqual(["/src", "Dockerfile"]);
  record.tree.entries(none, signal);
  expect(served).toHaveLength(3);
  expect(record.asked()).toBe("all");
  const vertex = (name: string) => ({ digest: "sha256:a", name });
  record.status({
    vertexes: [vertex("[internal] load metadata for docker.io/library/node:22"), vertex("[1/2] FROM x")],
    statuses: [],
    logs: [],
    warnings: [],
  });
  expect([...record.images()]).toEqual(["docker.io/library/node:22"]);
});
