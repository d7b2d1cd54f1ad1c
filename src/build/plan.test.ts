import { expect, test } from "vitest";
import type { Docker } from "../docker/index.js";
import type { Service } from "../manifest/index.js";
import type { CommitFiles } from "../source/index.js";
import { planServices } from "./plan.js";

const service = (name: string, more: Partial<Service>): Service => ({
  name,
  kind: "web",
  env: {},
  dependsOn: [],
  ...more,
});
const built = (name: string): Service =>
  service(name, { build: { path: name, dockerfile: "Dockerfile", args: {} } });

/** An engine with these images, by name. */
const engineWith = (images: Record<string, string>): Docker =>
  ({
    getImage: (name: string) => ({
      inspect: async () => {
        const id = images[name];
        if (id === undefined) throw Object.assign(new Error("no such image"), { statusCode: 404 });
        return { Id: id, Os: "linux", Architecture: "amd64" };
      },
    }),
  }) as unknown as Docker;

/** A commit in which every directory has the same Dockerfile and a tree of its own. */
const filesWith = (dockerfile: string) =>
  ({
    read: async () => Buffer.from(dockerfile),
    treeId: async (path: string) => `tree of ${path}`,
    lookup: async (paths: readonly string[]) =>
      new Map(paths.map((path) => [path, { mode: "100644", id: `blob of ${path}` }])),
  }) as unknown as CommitFiles;

function options(docker: Docker, dockerfile: string, known: readonly string[]) {
  const looked: string[] = [];
  const resolve = async (names: readonly string[]) => {
    looked.push(...names);
    if (names.includes("no:such:name")) throw new Error("no:such:name is no name of an image");
    const found = names.filter((name) => known.includes(name));
    return new Map(found.map((name) => [name, { digest: `sha256:${name}`, local: undefined, moved: false }]));
  };
  return {
    looked,
    plan: {
      docker,
      images: { resolve },
      files: filesWith(dockerfile),
      scope: ["agent", "project"],
      project: "shop",
      platform: "linux/amd64",
      login: async () => undefined,
      useCache: true,
      signal: AbortSignal.timeout(10_000),
    },
  };
}

test("services that build on one image have it looked at once", async () => {
  const { looked, plan } = options(engineWith({}), "FROM node:22\nCOPY . .\n", ["node:22"]);
  const planned = await planServices([built("a"), built("b"), built("c")], plan);
  expect(looked).toEqual(["node:22"]);
  expect(planned.map(({ action }) => action)).toEqual(["build", "build", "build"]);
});

test("a plan has the services in the manifest's order, built ones and pulled ones", async () => {
  const { plan } = options(engineWith({ "redis:7": "sha256:redis" }), "FROM node:22\nCOPY a b\n", [
    "node:22",
  ]);
  const planned = await planServices(
    [
      built("web"),
      service("cache", { image: "redis:7" }),
      built("api"),
      service("db", { image: "postgres:16" }),
    ],
    plan,
  );
  expect(planned.map(({ service: { name }, action }) => `${name} ${action}`)).toEqual([
    "web build",
    "cache reuse",
    "api build",
    "db pull",
  ]);
});

test("an image that has no name, or that nobody knows, is BuildKit's to complain about: the service is built without a key", async () => {
  for (const [dockerfile, why] of [
    ["FROM no:such:name\n", /is no name/],
    ["FROM unknown:1\n", /what unknown:1 is now cannot be told/],
  ] as const) {
    const { plan } = options(engineWith({}), dockerfile, []);
    const [one, other] = await planServices([built("web"), built("api")], plan);
    expect(one).toMatchObject({
      action: "build",
      build: { keys: undefined, unkeyed: expect.stringMatching(why) },
    });
    expect(other).toMatchObject({ action: "build" });
  }
});

test("an image is pulled as its policy says; of latest what the registry has now, and what is here will do", async () => {
  const here = { "redis:7": "sha256:redis", nginx: "sha256:nginx", "old:latest": "sha256:old" };
  const pinned = `redis@sha256:${"0".repeat(64)}`;
  const { looked, plan } = options(engineWith({ ...here, [pinned]: "sha256:pinned" }), "", []);
  const resolve = async (names: readonly string[]) => {
    looked.push(...names);
    return new Map(
      names.map((name) => [name, { digest: "sha256:1", local: "x", moved: name === "old:latest" }]),
    );
  };
  const planned = await planServices(
    [
      service("missing", { image: "redis:7" }),
      service("absent", { image: "redis:8", pullPolicy: "missing" }),
      service("always", { image: "redis:7", pullPolicy: "always" }),
      service("pinned", { image: pinned, pullPolicy: "always" }),
      service("same", { image: "nginx" }),
      service("moved", { image: "old:latest" }),
      service("kept", { image: "old:latest", pullPolicy: "missing" }),
      service("never", { image: "old:latest", pullPolicy: "never" }),
    ],
    { ...plan, images: { resolve } },
  );
  expect(planned.map(({ service: { name }, ...rest }) => ({ name, ...rest }))).toEqual([
    { name: "missing", action: "reuse", image: "sha256:redis" },
    { name: "absent", action: "pull", image: "redis:8" },
    { name: "always", action: "pull", image: "redis:7" },
    { name: "pinned", action: "reuse", image: "sha256:pinned" },
    { name: "same", action: "reuse", image: "sha256:nginx" },
    { name: "moved", action: "pull", image: "old:latest", orElse: "sha256:old" },
    { name: "kept", action: "reuse", image: "sha256:old" },
    { name: "never", action: "reuse", image: "sha256:old" },
  ]);
  expect(looked).toEqual(["nginx", "old:latest"]);
  await expect(
    planServices([service("web", { image: "none:1", pullPolicy: "never" })], plan),
  ).rejects.toMatchObject({ code: "image_not_found", hint: expect.stringContaining("pull_policy is never") });
});
