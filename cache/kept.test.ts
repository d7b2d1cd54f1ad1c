import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type CacheBuildRecord, writeBuildRecord } from "./build-record.js";
import { chunkStore } from "./chunks.js";
import { collect } from "./collect.js";
import { engineUsage, inspectMount, listRepositories, showRepository } from "./inspect.js";
import { storedMounts } from "./kept-mounts.js";
import { cachePlaces } from "./places.js";
import { type PruneOptions, pruneKept } from "./prune.js";
import { refreshIndex } from "./repository-index.js";
import { storeArchive, writeStoredMount } from "./stored-mount.js";
import { verifyStored } from "./verify.js";

let dataDirectory: string;
const { signal } = new AbortController();
beforeEach(async () => {
  dataDirectory = await mkdtemp(join(tmpdir(), "galley-kept-"));
});
afterEach(() => rm(dataDirectory, { recursive: true, force: true }));

const limited = async (budget: number, share: number) =>
  (await collect({ keepers: [storedMounts(dataDirectory)], budget, share, signal })).removed;
const prune = (options: Partial<PruneOptions>) =>
  pruneKept({
    ...{ dataDirectory, keepers: [storedMounts(dataDirectory)], kinds: [], dryRun: false, signal },
    ...options,
  });

const day = (number: number) => `2026-01-0${number}T00:00:00.000Z`;
async function keep(repo: string, id: string, at: string, bytes = randomBytes(250_000)): Promise<void> {
  const places = cachePlaces(dataDirectory, repo);
  const { chunks, content } = await storeArchive(
    (async function* () {
      yield bytes;
    })(),
    chunkStore(places.chunks),
    1e9,
  );
  const about = { v: 1, id, scope: "base", fingerprint: "f", storedAt: at } as const;
  await writeStoredMount(places.mount("base", id), { ...about, content, chunks });
  await refreshIndex(places, signal);
}
async function record(repo: string, build: Partial<CacheBuildRecord> & { id: string }): Promise<void> {
  const places = cachePlaces(dataDirectory, repo);
  const rest = {
    v: 1,
    service: "web",
    scope: "base",
    at: day(1),
    took: 10,
    built: true,
    steps: [],
    restored: [],
  } as const;
  await writeBuildRecord(places.builds, { ...rest, ...build });
  await refreshIndex(places, signal);
}
const ids = async (repo: string) =>
  (await showRepository(dataDirectory, repo)).mounts.map(({ id }) => id).sort();

test("What was used longest ago goes first, until each repository and all together are within their bounds.", async () => {
  await keep("a", "old", day(1));
  await keep("a", "new", day(3));
  await keep("b", "older", day(2));
  // Used since, though it was stored first.
  const step = { name: "s", own: "o", files: "", key: "k", cached: false, took: 7_000, mounts: ["old"] };
  await record("a", { id: "later", at: day(4), steps: [step] });
  const removed = await limited(600_000, 1e9);
  expect(removed).toMatchObject([{ repo: "b", what: "older", freed: 250_001 }]);
  expect(await limited(1e9, 300_000)).toMatchObject([{ what: "new" }]);
  const { mounts, storedBytes } = await showRepository(dataDirectory, "a");
  expect(mounts).toMatchObject([{ id: "old", cost: 7_000, usedBy: ["later"] }]);
  expect(storedBytes).toBe(250_001);
});

test("Chunks that another mount is made of stay.", async () => {
  const bytes = randomBytes(250_000);
  await keep("a", "one", day(1), bytes);
  await keep("a", "two", day(2), bytes);
  expect((await showRepository(dataDirectory, "a")).storedBytes).toBe(250_001);
  expect(await prune({ before: day(2) })).toMatchObject([{ what: "one", freed: 0 }]);
  const sound: boolean[] = [];
  await verifyStored(dataDirectory, signal, (one) => sound.push(one.sound));
  expect(sound).toEqual([true]);
});

test("Pruning takes what it is told, says so first where it is asked to, and leaves other repositories alone.", async () => {
  await keep("a", "one", day(1));
  await keep("a", "two", day(2));
  await keep("b", "three", day(1));
  const dry = await prune({ repoKey: "a", before: day(2), dryRun: true });
  expect(dry.map(({ what }) => what)).toEqual(["one"]);
  expect(await ids("a")).toEqual(["one", "two"]);
  await prune({ repoKey: "a", keep: 300_000 });
  expect(await ids("a")).toEqual(["two"]);
  await prune({ repoKey: "a" });
  expect(await ids("a")).toEqual([]);
  expect(await ids("b")).toEqual(["three"]);
  await expect(prune({ repoKey: "../b" })).rejects.toMatchObject({
    code: "invalid_request",
  });
  await expect(showRepository(dataDirectory, "c")).rejects.toMatchObject({ code: "not_found" });
});

test("An index that is damaged or gone is made again from what is there.", async () => {
  await keep("a", "one", day(1));
  await record("a", { id: "build" });
  const whole = await showRepository(dataDirectory, "a");
  const { index } = cachePlaces(dataDirectory, "a");
  for (const text of ["", "{", "null", '{"v":1,"repoKey":"b"}', '{"v":2}']) {
    await writeFile(index, text);
    expect(await showRepository(dataDirectory, "a"), text).toEqual(whole);
  }
  await rm(index);
  const { kept, mounts, builds, v, ...rest } = whole;
  const listed = [{ ...rest, mounts: mounts.length, builds: builds.length }];
  expect(await listRepositories(dataDirectory)).toEqual(listed);
  // From its sums alone, and where they are not to be believed.
  await refreshIndex(cachePlaces(dataDirectory, "a"), signal);
  expect(await listRepositories(dataDirectory)).toEqual(listed);
  for (const wrong of ['"steps":"1"', '"repoKey":"b"', '"lastUsedAt":1']) {
    const [name = ""] = wrong.split(":");
    const text = await readFile(index, "utf8");
    await writeFile(index, text.replace(new RegExp(`${name}:(?:"[^"]*"|\\d+|null)`), wrong));
    expect(await listRepositories(dataDirectory), wrong).toEqual(listed);
    await refreshIndex(cachePlaces(dataDirectory, "a"), signal);
  }
});

test("An index that was not written after what it speaks of, as its writer was killed or the disk was full, is not believed.", async () => {
  await keep("a", "one", day(1));
  await keep("a", "two", day(2));
  const places = cachePlaces(dataDirectory, "a");
  const before = await readFile(places.index);
  await rm(places.mount("base", "one"));
  await utimes(places.index, new Date(0), new Date(0));
  expect(await ids("a")).toEqual(["two"]);
  expect(await readFile(places.index)).toEqual(before);
});

test("What a process that was killed has left half done is no mount, and goes with the next sweep.", async () => {
  await keep("a", "one", day(1));
  const places = cachePlaces(dataDirectory, "a");
  // Chunks without a mount, a half written chunk, a half written mount.
  await chunkStore(places.chunks).put(randomBytes(1_000));
  const [folder = ""] = await readdir(places.chunks);
  await writeFile(join(places.chunks, folder, `${folder}${"0".repeat(62)}.abcd.tmp`), "x");
  await writeFile(`${places.mount("base", "two")}.abc.tmp`, "{");
  expect(await ids("a")).toEqual(["one"]);
  await prune({ repoKey: "a" });
  const left = await readdir(places.chunks, { recursive: true });
  expect(left.filter((name) => name.includes("/"))).toEqual([]);
});

test("Damage is found by reading everything, and what is damaged is gone after that.", async () => {
  await keep("a", "one", day(1));
  await keep("a", "two", day(1));
  const places = cachePlaces(dataDirectory, "a");
  const { chunks } = JSON.parse(await readFile(places.mount("base", "one"), "utf8"));
  await writeFile(join(places.chunks, chunks[0].digest.slice(0, 2), chunks[0].digest), "broken");
  const found: Record<string, boolean> = {};
  await verifyStored(dataDirectory, signal, ({ what: mount, sound }) => {
    found[mount] = sound;
  });
  expect(found).toEqual({ one: false, two: true });
  expect(await ids("a")).toEqual(["two"]);
  expect(await inspectMount(dataDirectory, "a", "two")).toMatchObject({ id: "two" });
  expect(await inspectMount(dataDirectory, "a", "one")).toBeUndefined();
});

test("Of BuildKit's records, ours are told from others by their namespace, where the engine says it.", () => {
  const mount = (size: number, id?: string, inUse = false) => ({
    type: "exec.cachemount",
    size,
    inUse,
    description: `cached mount /m from exec sh${id === undefined ? "" : ` with id "${id}"`}`,
  });
  const context = (size: number, name: string) => ({
    ...{ type: "source.local", size, inUse: false, description: `local source for ${name}` },
  });
  const step = { type: "regular", size: 100, inUse: true, description: "mount / from exec sh" };
  const sum = (records: object[]) => engineUsage(records as never, ["shop-1"]);
  expect(
    sum([
      mount(1, "shop-1//m"),
      mount(2, "shop-1~fork-pr-7//m"),
      mount(4, "shop-12//m"),
      mount(8, "//m", true),
      step,
      context(16, "galley/shop-1/context"),
      context(32, "galley/shop-1~fork-pr-7/context/api"),
      context(64, "galley/shop-12/context"),
      context(128, "context"),
    ]),
  ).toEqual({
    ourMounts: 3,
    otherMounts: 12,
    ourContexts: 48,
    shared: 292,
    total: 355,
    reclaimable: 247,
  });
  expect(sum([mount(1), step])).toMatchObject({ ourMounts: null, otherMounts: 1 });
});
