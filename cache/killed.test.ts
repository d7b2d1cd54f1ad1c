import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import { chunkStore } from "./chunks.js";
import { collect } from "./collect.js";
import { exportCaches } from "./export-caches.js";
import { importCaches } from "./import-caches.js";
import { showRepository } from "./inspect.js";
import { storedMounts } from "./kept-mounts.js";
import { cachePlaces } from "./places.js";
import { refreshIndex } from "./repository-index.js";
import { storeArchive, writeStoredMount } from "./stored-mount.js";
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
        import { collect } from "./collect.js";
        import { exportCaches } from "./export-caches.js";
        import { storedMounts } from "./kept-mounts.js";
        import { cachePlaces } from "./places.js";
        import { refreshIndex } from "./repository-index.js";
        const { signal } = new AbortController();
        const [what, data, file] = process.argv.slice(2);
        const said = () => process.stdout.write("one\\n");
        let left = 3;
        // Then it waits to be killed.
        const onProgress = () => said() && --left > 0 || Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
        const keepers = [storedMounts(data)];
        if (what === "collect") await collect({ keepers, budget: 0, share: 0, signal, onRemoved: said });
        else if (what === "export") await exportCaches({ dataDirectory: data, repoKey: "a", file, onProgress, signal });
        else for (;;) await refreshIndex(cachePlaces(data, "a"), signal).then(said);`,
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

/** Runs the child until it has done something so often, and kills it then, wherever it is. */
async function killAfter(times: number, what: string, data: string, file = ""): Promise<void> {
  const child = spawn(process.execPath, [script, what, data, file], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  let seen = 0;
  for await (const text of child.stdout) {
    seen += String(text).split("one").length - 1;
    if (seen >= times) child.kill("SIGKILL");
  }
  await exited;
}

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
