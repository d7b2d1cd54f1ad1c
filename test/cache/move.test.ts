import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { chunkStore } from "../../cache/chunks.js";
import { cachePlaces } from "../../cache/places.js";
import { listStoredMounts, readArchive, storeArchive, writeStoredMount } from "../../cache/stored-mount.js";
import { type LabEngine, labEngines } from "../support/engines.js";
import { galley } from "../support/galley.js";
import { smallDisk } from "./small-disk.js";

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const repoKey = "repo-moved";
let folder: string;
let from: string;
let engine: LabEngine;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "galley-move-"));
  from = join(folder, "from");
  engine = labEngines()[0]!;
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function mount(dataDirectory: string, bytes: Buffer, storedAt: string): Promise<void> {
  const places = cachePlaces(dataDirectory, repoKey);
  const archive = (async function* () {
    yield bytes;
  })();
  const { chunks, content } = await storeArchive(archive, chunkStore(places.chunks), 1e9);
  const about = { v: 1, id: "/root/.npm", scope: "base", fingerprint: "f", storedAt } as const;
  await writeStoredMount(places.mount("base", about.id), { ...about, content, chunks });
}
async function mountOf(dataDirectory: string): Promise<Buffer> {
  const places = cachePlaces(dataDirectory, repoKey);
  const [found] = await listStoredMounts(join(places.directory, "mounts"));
  const parts: Buffer[] = [];
  if (found) for await (const part of readArchive(found.stored, chunkStore(places.chunks))) parts.push(part);
  return Buffer.concat(parts);
}
const cache = (args: readonly string[], dataDirectory: string) =>
  galley(engine, ["cache", ...args, "--data-dir", dataDirectory, "--json"]);

test("An import that is killed leaves what was stored before whole, and the next one brings everything.", async () => {
  const to = join(folder, "to");
  const file = join(folder, "caches.tar");
  const [old, made] = [randomBytes(100_000), randomBytes(80_000_000)];
  await mount(to, old, "2026-01-01T00:00:00.000Z");
  await mount(from, made, "2026-01-02T00:00:00.000Z");
  expect(await cache(["export", repoKey, file], from)).toMatchObject({ code: 0, stderr: "" });
  const { chunks } = cachePlaces(to, repoKey);
  const before = (await readdir(chunks, { recursive: true })).length;
  const child = spawn(process.execPath, [main, "cache", "import", file, "--data-dir", to]);
  const ended = once(child, "exit");
  // As soon as something of it has come.
  while (child.exitCode === null && (await readdir(chunks, { recursive: true })).length <= before)
    await pause(1);
  child.kill("SIGKILL");
  expect(await ended).toEqual([null, "SIGKILL"]);
  expect((await mountOf(to)).equals(old)).toBe(true);
  const again = await cache(["import", file], to);
  expect(again, again.stderr).toMatchObject({ code: 0 });
  expect(JSON.parse(again.stdout)).toMatchObject({ repo: repoKey, mounts: 1 });
  expect((await mountOf(to)).equals(made)).toBe(true);
});

test("Without room for it nothing is exported and nothing imported, and nothing of it stays.", async () => {
  await mount(from, randomBytes(5_000_000), "2026-01-02T00:00:00.000Z");
  const file = join(folder, "caches.tar");
  const disk = await smallDisk(2);
  try {
    expect(await cache(["export", repoKey, join(disk.path, "caches.tar")], from)).toMatchObject({ code: 1 });
    expect(await readdir(disk.path)).toEqual([]);
    expect(await cache(["export", repoKey, file], from)).toMatchObject({ code: 0 });
    const refused = await cache(["import", file], disk.path);
    expect(JSON.parse(refused.stderr)).toMatchObject({ code: "cache_too_large" });
    expect(await readdir(join(disk.path, "cache"))).toEqual([]);
    expect(await stat(file)).toMatchObject({ size: expect.any(Number) });
  } finally {
    await disk.remove();
  }
});
