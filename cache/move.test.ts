import { createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeBuildRecord } from "./build-record.js";
import { chunkStore } from "./chunks.js";
import { exportCaches } from "./export-caches.js";
import { importCaches } from "./import-caches.js";
import { showRepository } from "./inspect.js";
import { blobPath, listStoredLayers, writeStoredLayers } from "./layer-store.js";
import type { MovedCaches } from "./move-format.js";
import { cachePlaces } from "./places.js";
import { listStoredMounts, readArchive, storeArchive, writeStoredMount } from "./stored-mount.js";
import { tarEnd, tarHeader, tarPadding } from "./tar-entry.js";

const repoKey = "repo-a";
const { signal } = new AbortController();
let folder: string;
let from: string;
let to: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "galley-move-"));
  [from, to, file] = [join(folder, "from"), join(folder, "to"), join(folder, "caches.tar")];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const sha256 = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest("hex");
const onProgress = () => {};
const leave = () => exportCaches({ dataDirectory: from, repoKey, file, onProgress, signal });
const arrive = (path = file) => importCaches({ dataDirectory: to, file: path, onProgress, signal });
const filesOf = async (dataDirectory: string) =>
  (await readdir(dataDirectory, { recursive: true, withFileTypes: true }).catch(() => []))
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);

async function mount(
  dataDirectory: string,
  bytes: Buffer,
  storedAt = "2026-01-02T00:00:00.000Z",
): Promise<void> {
  const places = cachePlaces(dataDirectory, repoKey);
  const archive = (async function* () {
    yield bytes;
  })();
  const { chunks, content } = await storeArchive(archive, chunkStore(places.chunks), 1e9);
  const about = { v: 1, id: "/root/.npm", scope: "base", fingerprint: "f", storedAt } as const;
  await writeStoredMount(places.mount("base", about.id), { ...about, content, chunks });
}
const readMount = async (dataDirectory: string) => {
  const places = cachePlaces(dataDirectory, repoKey);
  const [found] = await listStoredMounts(join(places.directory, "mounts"));
  const parts: Buffer[] = [];
  if (found) for await (const part of readArchive(found.stored, chunkStore(places.chunks))) parts.push(part);
  return Buffer.concat(parts);
};
async function layers(dataDirectory: string, text: string): Promise<void> {
  const places = cachePlaces(dataDirectory, repoKey);
  const digest = `sha256:${sha256(text)}`;
  await mkdir(join(places.layers, "blobs/sha256"), { recursive: true });
  await writeFile(blobPath(places.layers, digest), text);
  await writeStoredLayers(places, {
    ...{
      v: 1,
      service: "web",
      scope: "pr-7",
      build: "b1",
      storedAt: "2026-01-02T00:00:00.000Z",
      manifest: digest,
    },
    ...{ blobs: [{ digest, size: text.length }], records: ["r1"], keys: ["k1"] },
  });
}

test("What is stored for a repository arrives as it was, in one file, and is told by the index.", async () => {
  const bytes = Buffer.concat([randomBytes(3_000_000), Buffer.alloc(3_000_000, "text ")]);
  await mount(from, bytes);
  await layers(from, "a layer");
  const places = cachePlaces(from, repoKey);
  const record = { v: 1, id: "b1", service: "web", scope: "base", at: "2026-01-01T00:00:00.000Z" } as const;
  await writeBuildRecord(places.builds, { ...record, took: 1, built: true, steps: [], restored: [] });
  const left = await leave();
  expect(left).toMatchObject({ repo: repoKey, mounts: 1, layers: 1, builds: 1 });
  expect((await readdir(folder)).sort()).toEqual(["caches.tar", "from"]);
  const seen: number[] = [];
  const options = { dataDirectory: to, file, signal, onProgress: (done: number) => void seen.push(done) };
  expect(await importCaches(options)).toEqual(left);
  expect(seen.at(-1)).toBe(left.bytes);
  expect((await readMount(to)).equals(bytes)).toBe(true);
  // No engine here has the records that the layers were made of.
  expect(await listStoredLayers(cachePlaces(to, repoKey))).toMatchObject([{ scope: "pr-7", records: [] }]);
  expect(await showRepository(to, repoKey)).toMatchObject({
    mounts: [{ id: "/root/.npm" }],
    builds: [{ id: "b1" }],
  });
  // Twice is once.
  const before = await filesOf(to);
  await arrive();
  expect(await filesOf(to)).toEqual(before);
});

test("What is here and newer stays.", async () => {
  await mount(from, Buffer.from("of the other host"));
  await mount(to, Buffer.from("newer"), "2026-01-03T00:00:00.000Z");
  await leave();
  await arrive();
  expect((await readMount(to)).toString()).toBe("newer");
});

test("A repository of which nothing is kept is not exported, nor one of which something is gone.", async () => {
  await expect(leave()).rejects.toMatchObject({ code: "not_found" });
  await mount(from, randomBytes(1_000));
  const { chunks } = cachePlaces(from, repoKey);
  await rm(chunks, { recursive: true });
  await expect(leave()).rejects.toMatchObject({ code: "cache_damaged" });
  expect(await readdir(folder)).toEqual(["from"]);
});

test("An export and an import that are interrupted leave nothing behind.", async () => {
  await mount(from, randomBytes(9_000_000));
  const stop = () => {
    const ended = new AbortController();
    const abort = () => ended.abort(new Error("interrupted"));
    return { signal: ended.signal, onProgress: abort };
  };
  await expect(exportCaches({ dataDirectory: from, repoKey, file, ...stop() })).rejects.toThrow(
    "interrupted",
  );
  expect(await readdir(folder)).toEqual(["from"]);
  await leave();
  await expect(importCaches({ dataDirectory: to, file, ...stop() })).rejects.toThrow("interrupted");
  expect(await filesOf(to)).toEqual([]);
});

/** A file of a manifest that says so, and of these contents. */
async function forge(
  change: (manifest: Record<string, unknown>) => void,
  body?: (contents: readonly [string, Buffer][]) => readonly Buffer[],
): Promise<string> {
  await mount(from, Buffer.from("sound"));
  await layers(from, "a layer");
  await leave();
  const tar = await readFile(file);
  const size = Number.parseInt(tar.toString("latin1", 124, 135), 8);
  const manifest = JSON.parse(tar.toString("utf8", 512, 512 + size)) as MovedCaches;
  const contents: [string, Buffer][] = [];
  for (let at = 512 + Math.ceil(size / 512) * 512; at < tar.length - 1024; ) {
    const bytes = Number.parseInt(tar.toString("latin1", at + 124, at + 135), 8);
    const name = tar.toString("latin1", at, tar.indexOf(0, at));
    contents.push([name, tar.subarray(at + 512, at + 512 + bytes)]);
    at += 512 + Math.ceil(bytes / 512) * 512;
  }
  const changed = JSON.parse(JSON.stringify(manifest));
  change(changed);
  const text = Buffer.from(JSON.stringify(changed));
  const entry = ([name, bytes]: [string, Buffer]) => [
    tarHeader(name, bytes.length),
    bytes,
    tarPadding(bytes.length),
  ];
  const parts = body ? body(contents) : contents.flatMap(entry);
  const path = join(folder, "forged.tar");
  const head = entry([`galley-cache-${sha256(text)}.json`, text]);
  await writeFile(path, Buffer.concat([...head, ...parts, tarEnd]));
  return path;
}
const link = (header: Buffer) => {
  header.write("2", 156, "latin1");
  return header;
};

test.each<[string, string, () => Promise<string>]>([
  ["is no tar", "invalid_request", async () => join(folder, "not-a-tar")],
  ["is of a newer version", "invalid_request", () => forge((made) => Object.assign(made, { v: 2 }))],
  [
    "names another folder as its repository",
    "invalid_request",
    () => forge((made) => Object.assign(made, { repoKey: "../../etc" })),
  ],
  [
    "leads out of its folder by a scope",
    "invalid_request",
    () => forge((made) => Object.assign((made.mounts as object[])[0]!, { scope: "../../../x" })),
  ],
  [
    "leads out of its folder by a digest",
    "invalid_request",
    () => forge((made) => Object.assign((made.contents as object[])[0]!, { digest: "../../x" })),
  ],
  [
    "describes more than it holds",
    "invalid_request",
    () => forge((made) => Object.assign(made, { contents: [] })),
  ],
  [
    "holds what it does not list",
    "invalid_request",
    () =>
      forge(
        () => {},
        (all) => all.flatMap(([, bytes]) => [tarHeader("../../x", bytes.length), bytes]),
      ),
  ],
  [
    "holds a link",
    "invalid_request",
    () =>
      forge(
        () => {},
        (all) => all.flatMap(([name, bytes]) => [link(tarHeader(name, bytes.length)), bytes]),
      ),
  ],
  [
    "holds contents that are not what their digests say",
    "cache_damaged",
    () =>
      forge(
        () => {},
        (all) =>
          all.flatMap(([name, bytes]) => [
            tarHeader(name, bytes.length),
            Buffer.alloc(bytes.length),
            tarPadding(bytes.length),
          ]),
      ),
  ],
  [
    "wants more room than any disk has",
    "cache_too_large",
    () =>
      forge(
        (made) =>
          void (made.contents as object[]).push({ kind: "blob", digest: "0".repeat(64), bytes: 2 ** 52 }),
      ),
  ],
])("A file that %s is refused, and nothing of it stays.", async (_what, code, make) => {
  await writeFile(join(folder, "not-a-tar"), randomBytes(5_000));
  const path = await make();
  await expect(arrive(path)).rejects.toMatchObject({ code });
  expect(await filesOf(to)).toEqual([]);
  expect((await readdir(folder)).sort()).not.toContain("x");
});

test("A file that was cut short or damaged anywhere is refused.", async () => {
  await mount(from, randomBytes(20_000));
  await layers(from, "a layer");
  await leave();
  const whole = await readFile(file);
  for (let at = 0; at < whole.length - 1024; at += 511) {
    const damaged = Buffer.from(whole);
    damaged[at] = ~(damaged[at] ?? 0);
    await writeFile(file, damaged);
    await expect(arrive(), `byte ${at}`).rejects.toMatchObject({
      code: expect.stringMatching(/^(invalid_request|cache_damaged)$/),
    });
    await writeFile(file, whole.subarray(0, at));
    await expect(arrive(), `cut at ${at}`).rejects.toMatchObject({ code: "invalid_request" });
  }
  expect(await filesOf(to)).toEqual([]);
});

test("What an import has left that was killed goes with the next one, and did no harm before.", async () => {
  await mount(to, Buffer.from("was here"), "2026-01-01T00:00:00.000Z");
  const places = cachePlaces(to, repoKey);
  await chunkStore(places.chunks).put(randomBytes(1_000));
  await mkdir(join(places.layers, "ingest"), { recursive: true });
  await writeFile(join(places.layers, "ingest/half"), "ha");
  expect((await readMount(to)).toString()).toBe("was here");
  await mount(from, Buffer.from("of the other host"));
  await leave();
  await arrive();
  expect((await readMount(to)).toString()).toBe("of the other host");
  const [{ chunks } = { chunks: [] }] = (await listStoredMounts(join(places.directory, "mounts"))).map(
    ({ stored }) => stored,
  );
  expect([...(await chunkStore(places.chunks).list()).keys()]).toEqual(chunks.map(({ digest }) => digest));
  expect(await readdir(places.layers)).not.toContain("ingest");
});
