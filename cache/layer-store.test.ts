import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { BuildKitClient } from "../src/buildkit/index.js";
import { writeBuildRecord } from "./build-record.js";
import { collect } from "./collect.js";
import { storedLayers } from "./kept-layers.js";
import { importLayers } from "./layer-import.js";
import {
  blobPath,
  blobsOf,
  layerBytes,
  listStoredLayers,
  removeStoredLayers,
  type StoredLayers,
  sweepLayers,
  writeStoredLayers,
} from "./layer-store.js";
import { type CachePlaces, cachePlaces } from "./places.js";
import { refreshIndex } from "./repository-index.js";
import { cacheScope } from "./scope.js";

const repoKey = "repo-a";
const { signal } = new AbortController();
let dataDirectory: string;
let places: CachePlaces;
beforeEach(async () => {
  dataDirectory = await mkdtemp(join(tmpdir(), "galley-layers-"));
  places = cachePlaces(dataDirectory, repoKey);
});
afterEach(() => rm(dataDirectory, { recursive: true, force: true }));

async function blob(text: string): Promise<{ digest: string; size: number }> {
  const digest = `sha256:${createHash("sha256").update(text).digest("hex")}`;
  await mkdir(join(places.layers, "blobs/sha256"), { recursive: true });
  await writeFile(blobPath(places.layers, digest), text);
  return { digest, size: text.length };
}
async function keep(
  service: string,
  scope: string,
  texts: readonly string[],
  rest: Partial<StoredLayers> = {},
) {
  const layers = await Promise.all(texts.map(blob));
  const config = await blob(`config of ${service} ${scope}`);
  const { digest: manifest } = await blob(JSON.stringify({ config, layers }));
  const blobs = (await blobsOf(places.layers, manifest)) ?? [];
  const about = { v: 1, service, scope, build: "b", storedAt: "2026-01-01T00:00:00.000Z", manifest } as const;
  const stored = { ...about, blobs, records: ["r1", "r2"], keys: ["k"], ...rest };
  await writeStoredLayers(places, stored);
  return stored;
}
/** An engine that has records of these ids. */
const engine = (records: readonly string[], store = "containerd") => {
  const asked: (readonly string[])[] = [];
  const client = {
    features: async () => ({ localCacheImport: true, store }),
    diskUsage: async ({ filter }: { filter: readonly string[] }) => {
      asked.push(filter);
      return records.filter((id) => filter.includes(`id==${id}`)).map((id) => ({ id }));
    },
  } as never as BuildKitClient;
  return { client, asked };
};
const notes: string[] = [];
const read = (client: BuildKitClient, who: { pr?: number; fork?: boolean } = {}, service = "web") => {
  notes.length = 0;
  const scope = cacheScope({ repoKey, pr: who.pr ?? null, fork: who.fork ?? false });
  return importLayers({ client, scope, service, places, note: (text) => void notes.push(text), signal });
};

test("A layer that two services are made of stays until both are gone.", async () => {
  const web = await keep("web", "base", ["shared", "of web"]);
  const api = await keep("api", "pr-7", ["shared", "of api"]);
  const before = await layerBytes(places);
  const freed = await removeStoredLayers(places, web, signal);
  expect(freed).toBe(before - (await layerBytes(places)));
  expect((await listStoredLayers(places)).map(({ service }) => service)).toEqual(["api"]);
  expect(await blobsOf(places.layers, api.manifest)).toEqual(api.blobs);
  await removeStoredLayers(places, api, signal);
  expect(await layerBytes(places)).toBe(0);
});

test("What was being written when its process died goes, and what is whole stays.", async () => {
  const web = await keep("web", "base", ["layer"]);
  const bytes = await layerBytes(places);
  const orphan = await blob("nothing is made of it");
  await mkdir(join(places.layers, "ingest"));
  await writeFile(join(places.layers, "ingest/half"), "hal");
  expect(await sweepLayers(places)).toBe(orphan.size);
  expect(await readdir(places.layers)).not.toContain("ingest");
  expect([await listStoredLayers(places), await layerBytes(places)]).toEqual([[web], bytes]);
});

test("A damaged description counts as none.", async () => {
  const web = await keep("web", "base", ["layer"]);
  for (const text of [
    "{",
    "null",
    JSON.stringify({ ...web, blobs: [{ digest: "sha256:../../x", size: 1 }] }),
  ]) {
    await writeFile(places.layersOf("base", "web"), text);
    expect(await listStoredLayers(places), text).toEqual([]);
  }
  // Nor does one that says to be another's.
  await mkdir(join(places.layers, "pr-1"));
  await writeFile(join(places.layers, "pr-1/web.json"), JSON.stringify(web));
  expect(await listStoredLayers(places)).toEqual([]);
});

test("No service's name leads out of its repository's folder.", () => {
  for (const service of ["../../x", "a/b", "..", "", "A b"])
    expect(places.layersOf("base", service)).toMatch(/\/layers\/base\/[0-9a-f]{16}\.json$/);
});

test("An engine that has the records is given nothing, and is asked nothing where nothing is stored.", async () => {
  const { client, asked } = engine(["r1", "r2"]);
  expect((await read(client)).entries).toEqual([]);
  expect(asked).toEqual([]);
  await keep("web", "base", ["layer"]);
  expect((await read(client)).entries).toEqual([]);
  expect(asked).toEqual([["id==r1", "id==r2"]]);
});

test("What an engine has lost stays for the build that is given it, whatever is removed meanwhile.", async () => {
  const web = await keep("web", "base", ["layer"]);
  const given = await read(engine(["r1"]).client);
  expect(given).toMatchObject({
    scopes: ["base"],
    entries: [{ type: "local", attrs: { digest: web.manifest } }],
  });
  expect([...given.keys]).toEqual(["k"]);
  await removeStoredLayers(places, web, signal);
  const [store] = Object.values(given.stores);
  expect(store?.writable).toBe(false);
  expect(await blobsOf(store?.path ?? "", web.manifest)).toEqual(web.blobs);
  await given.close();
  expect(await readdir(join(places.layers, "readers"))).toEqual([]);
});

test("A pull request is given its own layers and the base's, else another one's; a fork never another one's.", async () => {
  const { client } = engine([]);
  await keep("web", "pr-1", ["one"], { storedAt: "2026-01-01T00:00:00.000Z" });
  await keep("web", "pr-2", ["two"], { storedAt: "2026-01-02T00:00:00.000Z" });
  await keep("web", "fork-pr-3", ["three"], { storedAt: "2026-01-03T00:00:00.000Z" });
  expect((await read(client, { pr: 1 })).scopes).toEqual(["pr-1"]);
  expect((await read(client, { pr: 9 })).scopes).toEqual(["pr-2"]);
  expect((await read(client)).scopes).toEqual(["pr-2"]);
  expect((await read(client, { pr: 9, fork: true })).scopes).toEqual([]);
  expect((await read(client, { pr: 9 }, "api")).scopes).toEqual([]);
  await keep("web", "base", ["base"]);
  expect((await read(client, { pr: 1 })).scopes).toEqual(["pr-1", "base"]);
  expect((await read(client, { pr: 3, fork: true })).scopes).toEqual(["fork-pr-3", "base"]);
});

test.each([
  ["of another content", (path: string, size: number) => writeFile(path, "x".repeat(size))],
  ["cut short", (path: string) => writeFile(path, "")],
  ["gone", (path: string) => rm(path)],
])("A layer that is %s is not used, and what it is part of is forgotten.", async (_how, damage) => {
  const web = await keep("web", "base", ["first layer", "second layer"]);
  const layer = web.blobs.at(-1);
  await damage(blobPath(places.layers, layer?.digest ?? ""), layer?.size ?? 0);
  expect((await read(engine([]).client)).entries).toEqual([]);
  expect(notes.join()).toContain("damaged");
  expect(await listStoredLayers(places)).toEqual([]);
  expect(await readdir(join(places.layers, "readers"))).toEqual([]);
});

test("An engine of the plain store is given layers, but no step is counted on.", async () => {
  await keep("web", "base", ["layer"]);
  const given = await read(engine([], "plain").client);
  expect([given.scopes, given.keys.size]).toEqual([["base"], 0]);
});

test("Layers that were used longest ago go first, until their repository and all together are within their bounds.", async () => {
  const at = (day: number) => `2026-01-0${day}T00:00:00.000Z`;
  const old = "x".repeat(1_000);
  await keep("web", "base", [`${old} web`], { storedAt: at(1) });
  await keep("api", "base", [`${old} api`], { storedAt: at(2) });
  // It is the oldest, and was built last.
  await writeBuildRecord(places.builds, {
    ...{
      v: 1,
      id: "b1",
      service: "web",
      scope: "base",
      at: at(3),
      took: 1,
      built: true,
      steps: [],
      restored: [],
    },
    layerScope: "base",
  });
  await refreshIndex(places, signal);
  const bound = async (budget: number, share: number) =>
    (await collect({ keepers: [storedLayers(dataDirectory)], budget, share, signal })).removed;
  expect(await bound(1e9, 1e9)).toEqual([]);
  expect(await bound(1e9, 2_000)).toMatchObject([{ kind: "layers", repo: repoKey, what: "api" }]);
  expect(await bound(100, 1e9)).toMatchObject([{ what: "web" }]);
  expect(await layerBytes(places)).toBe(0);
});
