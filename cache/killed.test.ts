import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { chunkStore } from "./chunks.js";
import { collect } from "./collect.js";
import { exportCaches } from "./export-caches.js";
import { importCaches } from "./import-caches.js";
import { showRepository } from "./inspect.js";
import { storedLayers } from "./kept-layers.js";
import { storedMounts } from "./kept-mounts.js";
import { blobPath, writeStoredLayers } from "./layer-store.js";
import { type CachePlaces, cachePlaces } from "./places.js";
import { refreshIndex } from "./repository-index.js";
import { storeArchive, writeStoredMount } from "./stored-mount.js";
import { removeMount } from "./stored-sweep.js";
import { verifyStored } from "./verify.js";

const { signal } = new AbortController();
let folder: string;
let script: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "galley-killed-"));
  script = join(folder, "child.mjs");
  // A process of its own, that can be killed.
  await build({
    stdin: {
      resolveDir: fileURLToPath(new URL(".", import.meta.url)),
      contents: `
        import files from "node:fs/promises";
        import { syncBuiltinESMExports } from "node:module";
        import { writeSync } from "node:fs";
        import { collect } from "./collect.js";
        import { exportCaches } from "./export-caches.js";
        import { storedLayers } from "./kept-layers.js";
        import { storedMounts } from "./kept-mounts.js";
        import { cachePlaces } from "./places.js";
        import { refreshIndex } from "./repository-index.js";
        const { signal } = new AbortController();
        const [what, data, file, call, before] = process.argv.slice(2);
        const said = () => writeSync(1, "one\\n") > 0;
        let left = 3;
        const wait = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
        // Then it waits to be killed.
        const onProgress = () => said() && --left > 0 || wait();
        const keepers = [storedMounts(data), storedLayers(data)];
        if (call) {
          const own = files[call];
          files[call] = (...paths) => {
            if (paths.some((path) => new RegExp(before).test(String(path)))) said() && wait();
            return own(...paths);
          };
          syncBuiltinESMExports();
        }
        if (what === "collect") await collect({ keepers, budget: 0, share: 0, signal, onRemoved: call ? () => {} : said });
        else if (what === "export") await exportCaches({ dataDirectory: data, repoKey: "a", file, onProgress, signal });
        else for (;;) await refreshIndex(cachePlaces(data, "a"), signal).then(call ? () => {} : said);`,
    },
    bundle: true,
    platform: "node",
    format: "esm",
    outfile: script,
  });
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function dataDirectoryOf(mounts: number): Promise<string> {
  const data = await mkdtemp(join(folder, "data-"));
  const places = cachePlaces(data, "a");
  for (let n = 0; n < mounts; n++) {
    const { chunks, content } = await storeArchive(
      (async function* () {
        yield randomBytes(20_000);
      })(),
      chunkStore(places.chunks),
      1e9,
    );
    await writeStoredMount(places.mount("base", `m${n}`), {
      ...{ v: 1, id: `m${n}`, scope: "base", fingerprint: "f", chunks, content },
      storedAt: new Date(n).toISOString(),
    });
  }
  await refreshIndex(places, signal);
  return data;
}

/** Layers that a service has for itself. */
async function layers(places: CachePlaces, service: string): Promise<void> {
  const put = async (content: Buffer) => {
    const digest = `sha256:${createHash("sha256").update(content).digest("hex")}`;
    await mkdir(dirname(blobPath(places.layers, digest)), { recursive: true });
    await writeFile(blobPath(places.layers, digest), content);
    return { digest, size: content.length };
  };
  const layer = await put(randomBytes(20_000));
  const manifest = await put(Buffer.from(JSON.stringify({ layers: [layer] })));
  await writeStoredLayers(places, {
    ...{ v: 1, service, scope: "base", build: "b", manifest: manifest.digest, blobs: [manifest, layer] },
    ...{ records: [], keys: [], storedAt: new Date(0).toISOString() },
  });
}

/** Runs the child until it has done something so often, and kills it then, wherever it is. */
async function killAfter(times: number, what: string, data: string, ...more: string[]): Promise<void> {
  const child = spawn(process.execPath, [script, what, data, ...more], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  let seen = 0;
  for await (const text of child.stdout) {
    seen += String(text).split("one").length - 1;
    if (seen >= times) child.kill("SIGKILL");
  }
  expect(await exited, "it was to be killed before it had ended").toEqual([null, "SIGKILL"]);
}

/** Runs the child until it is about to call one of `node:fs/promises` for such a path, and kills it there. */
const killBefore = (call: string, path: RegExp, what: string, data: string) =>
  killAfter(1, what, data, "", call, path.source);

test.each([1, 3])(
  "Killed after %i removals, a collection leaves an index that holds and mounts that are whole, and the next one goes on.",
  async (times) => {
    const data = await dataDirectoryOf(6);
    await killAfter(times, "collect", data);
    const { mounts } = await showRepository(data, "a");
    expect(mounts.length).toBeLessThanOrEqual(6 - times);
    const sound: boolean[] = [];
    await verifyStored(data, signal, (one) => sound.push(one.sound));
    expect(sound).toEqual(mounts.map(() => true));
    const { removed } = await collect({ keepers: [storedMounts(data)], budget: 0, share: 0, signal });
    expect(removed).toHaveLength(mounts.length);
    expect((await showRepository(data, "a")).storedBytes).toBe(0);
    expect(
      (await readdir(cachePlaces(data, "a").chunks, { recursive: true })).filter((name) =>
        name.includes("/"),
      ),
    ).toEqual([]);
  },
);

test.each([1, 4])(
  "Killed after it was written %i times, an index is the old one or the new one.",
  async (times) => {
    const data = await dataDirectoryOf(2);
    const before = await showRepository(data, "a");
    await killAfter(times, "index", data);
    expect(await showRepository(data, "a")).toEqual(before);
    expect(await refreshIndex(cachePlaces(data, "a"), signal)).toMatchObject({ mounts: before.mounts });
  },
);

test("Killed when an index is written and not in its place yet, the old one holds, and the next one leaves nothing of it.", async () => {
  const data = await dataDirectoryOf(2);
  const places = cachePlaces(data, "a");
  const before = await showRepository(data, "a");
  await killBefore("rename", /index\.json$/, "index", data);
  const halves = async () => (await readdir(places.directory)).filter((name) => name.endsWith(".tmp"));
  expect(await halves()).toHaveLength(1);
  expect(await showRepository(data, "a")).toEqual(before);
  await rm(places.mount("base", "m0"));
  expect(await refreshIndex(places, signal)).toMatchObject({ mounts: [{ id: "m1" }] });
  expect(await halves()).toEqual([]);
});

test.each([
  ["mount", /chunks\/[0-9a-f]{2}\/[0-9a-f]{64}$/],
  ["layers", /blobs\/sha256\/[0-9a-f]{64}$/],
] as const)(
  "Killed in the middle of removing %s, a collection leaves no half of it in use, and the next one removes the rest.",
  async (kind, path) => {
    const data = await dataDirectoryOf(3);
    const places = cachePlaces(data, "a");
    if (kind === "layers") {
      for (const n of [0, 1, 2]) await removeMount(places, { id: `m${n}`, scope: "base" }, signal);
      await refreshIndex(places, signal);
      for (const service of ["api", "web"]) await layers(places, service);
    }
    const listed = async () => (await showRepository(data, "a")).kept.length;
    const before = await listed();
    await killBefore("rm", path, "collect", data);
    expect(await listed()).toBe(before - 1);
    const sound: boolean[] = [];
    await verifyStored(data, signal, (one) => sound.push(one.sound));
    expect(sound).toEqual(Array.from({ length: before - 1 }, () => true));
    const keepers = [storedMounts(data), storedLayers(data)];
    const { removed } = await collect({ keepers, budget: 0, share: 0, signal });
    expect(removed).toHaveLength(before - 1);
    expect((await readdir(places.directory, { recursive: true })).filter((name) => path.test(name))).toEqual(
      [],
    );
  },
);

test("Killed while it writes a file for another host, an export leaves the file that was there before, half a one that no import takes, and nothing that the next one does not remove.", async () => {
  const data = await dataDirectoryOf(6);
  const to = await mkdtemp(join(folder, "to-"));
  const out = await mkdtemp(join(folder, "out-"));
  const file = join(out, "caches.tar");
  const about = { dataDirectory: data, repoKey: "a", file, onProgress: () => {}, signal };
  await exportCaches(about);
  const before = await readFile(file);
  await killAfter(3, "export", data, file);
  expect(await readFile(file)).toEqual(before);
  const [half = "", ...others] = (await readdir(out)).filter((name) => name !== "caches.tar");
  expect([half !== "", others]).toEqual([true, []]);
  const arrive = (path: string) => importCaches({ ...about, dataDirectory: to, file: path });
  await expect(arrive(join(out, half))).rejects.toMatchObject({ code: "invalid_request" });
  await mkdir(join(out, "caches.tar.other"));
  await exportCaches(about);
  expect((await readdir(out)).sort()).toEqual(["caches.tar", "caches.tar.other"]);
  expect(await arrive(file)).toMatchObject({ mounts: 6 });
});
