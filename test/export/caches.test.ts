import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { CacheEntry } from "../../src/buildkit/index.js";
import { smallEngine } from "../failure/small-engine.js";
import { actionsCache } from "../support/actions-cache.js";
import { docker, labEngines, labName, onEachEngine } from "../support/engines.js";
import { build, buildx, forget, withFolder } from "./build.js";

// A first stage, so that mode=max has more to keep than the image. The token is in every step: a step that is left behind
// would make those before it cached without a cache.
const dockerfile = (token: string) => `FROM busybox AS one
RUN echo ${token} one && echo one > /one
FROM busybox
COPY --from=one /one /${token}
RUN echo ${token} two > /two
`;
// Without a base image, whose key depends on what either engine has done before: see the last test.
const scratchDockerfile = (token: string) => `FROM scratch AS one
COPY Dockerfile /${token}-one
FROM scratch
COPY --from=one /${token}-one /two
`;
const local = (dest: string, mode = "max"): CacheEntry[] => [{ type: "local", attrs: { dest, mode } }];
const from = (src: string): CacheEntry[] => [{ type: "local", attrs: { src } }];
const runs = (names: readonly string[]) => names.filter((name) => name.includes(" RUN ")).length;

onEachEngine(
  (engine) => {
    test("A cache that was exported makes every step cached after the engine has forgotten them.", () =>
      withFolder(async (folder) => {
        const token = labName("cache");
        const cache = join(folder, "Cache of ünusual näme");
        const first = await build(engine, dockerfile(token), { cacheExports: local(cache) });
        expect(runs(first.ran)).toBe(2);
        expect((await readdir(cache)).sort()).toEqual(["blobs", "index.json", "ingest", "oci-layout"]);
        expect(await readdir(join(cache, "ingest"))).toEqual([]);

        // The proof that it is the cache: without it the steps run.
        expect(await forget(engine, token)).toBeGreaterThan(0);
        expect(runs((await build(engine, dockerfile(token))).ran)).toBe(2);

        expect(await forget(engine, token)).toBeGreaterThan(0);
        const again = await build(engine, dockerfile(token), { cacheImports: from(cache) });
        expect([runs(again.ran), runs(again.cached)]).toEqual([0, 2]);
      }));

    test("A cache that went to the cache service of GitHub Actions comes back from there.", async () => {
      const service = await actionsCache();
      onTestFinished(service.close);
      const token = labName("actions");
      const entry = { type: "gha", attrs: { ...service.attrs, scope: token } };
      await build(engine, dockerfile(token), {
        cacheExports: [{ ...entry, attrs: { ...entry.attrs, mode: "max" } }],
      });
      expect(service.keys().some((key) => key.startsWith("buildkit-blob-"))).toBe(true);
      expect(service.keys().at(-1)).toContain(token);
      expect(await forget(engine, token)).toBeGreaterThan(0);
      const again = await build(engine, dockerfile(token), { cacheImports: [entry] });
      expect([runs(again.ran), runs(again.cached)]).toEqual([0, 2]);
      expect(service.fetched()).toBeGreaterThan(0);
    });

    test("A second export into the same directory sends only what is new.", () =>
      withFolder(async (folder) => {
        const token = labName("again");
        const cache = join(folder, "cache");
        await build(engine, dockerfile(token), { cacheExports: local(cache) });
        const before = await readdir(join(cache, "blobs/sha256"));
        await build(engine, dockerfile(token), { cacheExports: local(cache), cacheImports: from(cache) });
        const after = await readdir(join(cache, "blobs/sha256"));
        expect(after).toEqual(expect.arrayContaining(before));
        // At most a new config and a new manifest: the layers are there.
        expect(after.length - before.length).toBeLessThanOrEqual(2);
      }));

    test("buildx imports what we export.", () =>
      withFolder(async (folder) => {
        const token = labName("ours");
        const cache = join(folder, "cache");
        await build(engine, dockerfile(token), { cacheExports: local(cache) });
        expect(await forget(engine, token)).toBeGreaterThan(0);
        const context = join(folder, "context");
        await mkdir(context);
        const args = ["--cache-from", `type=local,src=${cache}`, "-o", "type=cacheonly"];
        const progress = await buildx(engine, dockerfile(token), args, context);
        const steps = [...progress.matchAll(/^#(\d+) \[.*\] (?:RUN|COPY) /gm)].map(([, number]) => number);
        expect(new Set(steps).size, progress).toBe(3);
        for (const step of steps) expect(progress).toMatch(new RegExp(`^#${step} CACHED$`, "m"));
      }));

    test("We import what buildx exports.", () =>
      withFolder(async (folder) => {
        const token = labName("theirs");
        const cache = join(folder, "cache");
        const args = ["--cache-to", `type=local,dest=${cache},mode=max`, "-o", "type=cacheonly"];
        const context = join(folder, "context");
        await mkdir(context);
        await buildx(engine, dockerfile(token), args, context);
        expect(await forget(engine, token)).toBeGreaterThan(0);
        const again = await build(engine, dockerfile(token), { cacheImports: from(cache) });
        expect([runs(again.ran), runs(again.cached)]).toEqual([0, 2]);
      }));
  },
  (engine) => engine.store === "containerd",
);

onEachEngine((engine) => {
  test("A cache directory that is not there is no error: the build runs, and says what it went without.", () =>
    withFolder(async (folder) => {
      const skipped: string[] = [];
      const built = await build(engine, dockerfile(labName("none")), {
        cacheImports: from(join(folder, "nowhere")),
        onCacheSkipped: (directory) => skipped.push(directory),
      });
      expect(runs(built.ran)).toBe(2);
      expect(skipped).toEqual([join(folder, "nowhere")]);
    }));
});

onEachEngine(
  (engine) => {
    test("A plain store imports a cache that a containerd store exported.", () =>
      withFolder(async (folder) => {
        const exporter = labEngines().find(({ store }) => store === "containerd")!;
        const token = labName("across");
        const cache = join(folder, "cache");
        await build(exporter, scratchDockerfile(token), { cacheExports: local(cache) });
        const built = await build(engine, scratchDockerfile(token), { cacheImports: from(cache) });
        expect([built.ran, built.cached.length]).toEqual([[], 2]);
      }));
  },
  (engine) => engine.store === "plain" && engine.version >= 26,
);

// BuildKit keys a base image by its manifest, and by its layers only when the first key finds nothing: an exporter that has built
// on the image before writes the one, an importer of the plain store that has the image knows the other.
test("A plain store that has the base image finds a cache of an engine that has built on it, when it asks the registry.", () =>
  withFolder(async (folder) => {
    const exporter = labEngines().find(({ store }) => store === "containerd")!;
    const fresh = await smallEngine(exporter, 300);
    onTestFinished(fresh.remove);
    const own = { ...exporter, dockerHost: fresh.dockerHost };
    await build(own, dockerfile(labName("before")));
    const token = labName("pulled");
    const cache = join(folder, "cache");
    await build(own, dockerfile(token), { cacheExports: local(cache) });
    for (const plain of labEngines().filter(({ store, version }) => store === "plain" && version >= 26)) {
      const importer = await smallEngine(plain, 300);
      onTestFinished(importer.remove);
      const engine = { ...plain, dockerHost: importer.dockerHost };
      await docker(engine, ["pull", "-q", "busybox"]);
      const cacheImports = from(cache);
      // The first is why the second is there: should it find the cache one day, `--pull` need no longer be recommended.
      expect(runs((await build(engine, dockerfile(token), { cacheImports })).cached), engine.name).toBe(0);
      expect(await forget(engine, token)).toBeGreaterThan(0);
      const frontendAttrs = { "image-resolve-mode": "pull" };
      const built = await build(engine, dockerfile(token), { cacheImports, frontendAttrs });
      expect([runs(built.ran), runs(built.cached)], engine.name).toEqual([0, 2]);
    }
  }));
