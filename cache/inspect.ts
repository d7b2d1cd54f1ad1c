import { existsSync } from "node:fs";
import { lstat, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { UsageRecord } from "../src/buildkit/index.js";
import { GalleyError } from "../src/errors/index.js";
import { contextRecord } from "./context-record.js";
import { type EngineKept, readEngineKept, readEngineSums } from "./engine-kept.js";
import { type IndexSums, sumsOf } from "./index-sums.js";
import type { Kept, KeptHere } from "./kept.js";
import { keptLayers } from "./kept-layers.js";
import { mountsOf } from "./kept-mounts.js";
import { keptInRegistry } from "./kept-registry.js";
import { type LayerBlob, layerBytes, readStoredLayers } from "./layer-store.js";
import { mountRecord } from "./mount-record.js";
import { cachePlaces } from "./places.js";
import { type RepositoryIndex, readIndex } from "./repository-index.js";
import { listStoredMounts, type StoredMount } from "./stored-mount.js";
import { readAllSums } from "./stored-sweep.js";

/** What is kept for a repository, of all kinds. */
export interface KeptRepository extends RepositoryIndex {
  /** What is stored, what the engine held when it was last looked at, and the git mirror. */
  readonly kept: readonly Kept[];
  /** When the engine was last looked at, RFC 3339; null: never. */
  readonly engineAt: string | null;
  /** Bytes on disk of the stored layers of all services together. */
  readonly layerBytes: number;
  /** Bytes of BuildKit's cache mounts and contexts, and those that images have for themselves. */
  readonly recordBytes: number;
  readonly imageBytes: number;
  /** Bytes of the git mirror; 0 where there is none. */
  readonly mirrorBytes: number;
  readonly lastUsedAt: string | null;
  /** Of the steps of the builds that are remembered, the part that was cached; null without steps. */
  readonly hitRate: number | null;
}

/** A repository in a list: of mounts and builds how many there are. */
export interface ListedRepository extends Omit<KeptRepository, "v" | "kept" | "mounts" | "builds"> {
  readonly mounts: number;
  readonly builds: number;
}

/** Every repository that something is kept for. Asks no engine. */
export async function listRepositories(dataDirectory: string): Promise<ListedRepository[]> {
  const [sums, engine] = await Promise.all([readAllSums(dataDirectory), readEngineSums(dataDirectory)]);
  const listed = async (repoKey: string, { steps, cached, ...sum }: IndexSums): Promise<ListedRepository> => {
    const { layers } = cachePlaces(dataDirectory, repoKey);
    const held = engine?.of(repoKey);
    return {
      repoKey,
      ...sum,
      engineAt: engine?.at ?? null,
      // To ask for what is not there takes longer than to see that.
      layerBytes: existsSync(layers) ? await layerBytes({ layers }) : 0,
      recordBytes: held?.record ?? 0,
      imageBytes: held?.image ?? 0,
      mirrorBytes: (await keptMirror(dataDirectory, repoKey, sum.lastUsedAt))?.size ?? 0,
      hitRate: steps === 0 ? null : cached / steps,
    };
  };
  return await Promise.all([...sums].map(([repoKey, sum]) => listed(repoKey, sum)));
}

/** Bytes of all that is kept, mirrors too; of the engine, when it was last looked at. */
export async function keptBytes(dataDirectory: string): Promise<number> {
  let sum = 0;
  for (const one of await listRepositories(dataDirectory))
    sum += one.storedBytes + one.layerBytes + one.recordBytes + one.imageBytes + one.mirrorBytes;
  return sum;
}

/** @throws GalleyError not_found, invalid_request */
export async function showRepository(dataDirectory: string, repoKey: string): Promise<KeptRepository> {
  const index = await readIndex(cachePlaces(dataDirectory, repoKey));
  if (index) {
    const engine = await readEngineKept(dataDirectory);
    const kept = engine?.kept.filter(({ repo }) => repo === repoKey) ?? [];
    const shown = await whole(
      dataDirectory,
      index,
      engine && { at: engine.at, kept },
      await keptLayers(dataDirectory, repoKey),
    );
    const elsewhere = await keptInRegistry(cachePlaces(dataDirectory, repoKey), repoKey);
    return { ...shown, kept: [...shown.kept, ...elsewhere] };
  }
  throw new GalleyError("not_found", `Nothing is kept for a repository ${JSON.stringify(repoKey)}.`, {
    hint: "`galley cache ls` lists those that there are.",
  });
}

async function whole(
  dataDirectory: string,
  index: RepositoryIndex,
  engine: EngineKept | undefined,
  layers: Pick<KeptHere, "bytes" | "items">,
): Promise<KeptRepository> {
  const held = engine?.kept ?? [];
  const { steps, cached, lastUsedAt } = sumsOf(index);
  const mirror = await keptMirror(dataDirectory, index.repoKey, lastUsedAt);
  const bytesOf = (wanted: Kept["kind"]) =>
    held.reduce((sum, { kind, size }) => (kind === wanted ? sum + size : sum), 0);
  return {
    ...index,
    kept: [...mountsOf(index), ...layers.items, ...held, ...(mirror ? [mirror] : [])],
    engineAt: engine?.at ?? null,
    layerBytes: layers.bytes,
    recordBytes: bytesOf("record") + bytesOf("context"),
    imageBytes: bytesOf("image"),
    mirrorBytes: mirror?.size ?? 0,
    lastUsedAt,
    hitRate: steps === 0 ? null : cached / steps,
  };
}

/** Packs are nearly all of a mirror, and few: looking at every file of it would take long. Undefined where there is none. */
async function keptMirror(
  dataDirectory: string,
  repo: string,
  lastUsedAt: string | null,
): Promise<Kept | undefined> {
  const what = `${repo}.git`;
  const mirror = join(dataDirectory, "repos", what);
  const about = existsSync(mirror) ? await stat(mirror).catch(() => undefined) : undefined;
  if (!about) return undefined;
  const packs = join(mirror, "objects/pack");
  let size = 0;
  for (const name of await readdir(packs).catch(() => []))
    size += (await lstat(join(packs, name)).catch(() => undefined))?.size ?? 0;
  return {
    ...{ kind: "mirror", repo, name: "mirror", what, scope: "base", size, usedBy: [], cost: null },
    createdAt: null,
    lastUsedAt: lastUsedAt ?? about.mtime.toISOString(),
    inUse: false,
  };
}

/** A stored mount with what is in it, by its name in the index or its id; undefined where there is none. @throws GalleyError not_found */
export async function inspectMount(
  dataDirectory: string,
  repoKey: string,
  wanted: string,
): Promise<(StoredMount & { readonly name: string }) | undefined> {
  const index = await showRepository(dataDirectory, repoKey);
  const found = index.mounts.find(({ name, id }) => name === wanted || id === wanted);
  const { directory } = cachePlaces(dataDirectory, repoKey);
  const all = found ? await listStoredMounts(join(directory, "mounts")) : [];
  const kept = all.find(({ stored }) => stored.id === found?.id && stored.scope === found?.scope);
  return found && kept && { name: found.name, ...kept.stored };
}

/** What the stored layers of a service are made of, the largest first; null where they are gone meanwhile. */
export async function inspectLayers(
  dataDirectory: string,
  repoKey: string,
  service: string,
  scope: string,
): Promise<readonly LayerBlob[] | null> {
  const stored = await readStoredLayers(cachePlaces(dataDirectory, repoKey).layersOf(scope, service));
  return stored ? [...stored.blobs].sort((a, b) => b.size - a.size) : null;
}

/** Layers, or something that the engine holds, by its name, or what it is. @throws GalleyError not_found */
export async function inspectKept(dataDirectory: string, repoKey: string, wanted: string): Promise<Kept> {
  const { kept } = await showRepository(dataDirectory, repoKey);
  const found = kept.find(
    ({ kind, name, what }) => kind !== "mount" && (name === wanted || what.split(", ").includes(wanted)),
  );
  if (found) return found;
  throw new GalleyError("not_found", `Nothing called ${JSON.stringify(wanted)} is kept for ${repoKey}.`, {
    hint: `\`galley cache show ${repoKey}\` lists what there is.`,
  });
}

/** BuildKit's own records, in bytes. */
export interface EngineUsage {
  /** Cache mounts with the namespace of a repository that something is kept for; null where the engine does not say whose they are. */
  readonly ourMounts: number | null;
  readonly otherMounts: number;
  /** Contexts of these repositories. */
  readonly ourContexts: number;
  /** Results of steps, other contexts and the like: no repository's alone. */
  readonly shared: number;
  readonly total: number;
  /** What nothing uses at the moment. */
  readonly reclaimable: number;
}

/** Sums up the records of one answer of BuildKit. */
export function engineUsage(records: readonly UsageRecord[], repoKeys: readonly string[]): EngineUsage {
  const known = new Set(repoKeys);
  let ours = 0;
  let ourContexts = 0;
  let mounts = 0;
  let total = 0;
  let reclaimable = 0;
  let named = false;
  for (const record of records) {
    const { type, size, inUse, description } = record;
    total += size;
    if (!inUse) reclaimable += size;
    if (known.has(contextRecord(record)?.repo ?? "")) ourContexts += size;
    if (type !== "exec.cachemount") continue;
    mounts += size;
    const repo = mountRecord(record)?.repo;
    named ||= description.includes(' with id "');
    if (repo !== undefined && known.has(repo)) ours += size;
  }
  const told = named || mounts === 0;
  return {
    ourMounts: told ? ours : null,
    otherMounts: mounts - (told ? ours : 0),
    ourContexts,
    shared: total - mounts - ourContexts,
    total,
    reclaimable,
  };
}
