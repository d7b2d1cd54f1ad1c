import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { BuildKitClient, CacheEntry, ContentDirectory } from "../src/buildkit/index.js";
import { readForgotten } from "./forgotten.js";
import { localEntry, storeName } from "./layer-export.js";
import { lostOnes } from "./layer-records.js";
import {
  blobPath,
  isSoundBlob,
  linkBlob,
  listStoredLayers,
  readStoredLayers,
  type StoredLayers,
} from "./layer-store.js";
import type { CachePlaces } from "./places.js";
import type { CacheScope } from "./scope.js";

/** Stored layers that a build is given. */
export interface LayerImports {
  readonly entries: readonly CacheEntry[];
  /** What the solve must serve for them. */
  readonly stores: Readonly<Record<string, ContentDirectory>>;
  /** Names of the scopes that they come from. */
  readonly scopes: readonly string[];
  /** Names in a registry that they come from. */
  readonly refs: readonly string[];
  /** What the build's own solve exports. */
  readonly exports: readonly CacheEntry[];
  /** Keys of the steps that will not run for it. */
  readonly keys: ReadonlySet<string>;
  /** Keys of steps whose results the engine has: it is given nothing for that. */
  readonly there: ReadonlySet<string>;
  close(): Promise<void>;
}

export interface LayerImportOptions {
  readonly client: BuildKitClient;
  readonly scope: CacheScope;
  readonly service: string;
  readonly places: CachePlaces;
  readonly note: (text: string) => void;
  readonly signal: AbortSignal;
}

export const noLayers: LayerImports = {
  entries: [],
  stores: {},
  scopes: [],
  refs: [],
  exports: [],
  keys: new Set(),
  there: new Set(),
  close: async () => {},
};

/**
 * Finds the stored layers that an engine has lost: whoever still has the records of what was stored is given nothing, and where nothing is
 * stored nothing is asked. They are read once from end to end, as a damaged one would end the build; and they stay for as long as it runs,
 * whatever is removed meanwhile.
 */
export async function importLayers(options: LayerImportOptions): Promise<LayerImports> {
  const { client, places, note, signal } = options;
  const stored = await candidates(options);
  if (stored.length === 0) return noLayers;
  const { localCacheImport, store } = await client.features(signal);
  if (!localCacheImport) return noLayers;
  const lost = await lostOnes(stored, await readForgotten(places.root), client, signal);
  if (lost.length === 0) return { ...noLayers, there: new Set(stored.flatMap(({ keys }) => keys)) };
  const reader = join(places.layers, "readers", randomBytes(8).toString("hex"));
  const close = () => rm(reader, { recursive: true, force: true });
  try {
    const sound: StoredLayers[] = [];
    for (const one of lost) {
      if (await take(one, places, reader, signal)) sound.push(one);
      else
        note(
          `the stored layers of ${one.service} (${one.scope}) are damaged: they are not used, and are stored anew`,
        );
    }
    if (sound.length === 0) {
      await close();
      return noLayers;
    }
    return {
      ...noLayers,
      entries: sound.map(({ manifest }) => localEntry(manifest)),
      stores: { [`local:${storeName}`]: { path: reader, writable: false } },
      scopes: sound.map(({ scope }) => scope),
      // An engine of the plain store that has a base image may know it by another name than the one that has stored them.
      keys: new Set(store === "containerd" ? sound.flatMap(({ keys }) => keys) : []),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Of the scopes that it reads from; where none of them has any, the newest of the repository's other pull requests, but not for a fork. */
async function candidates({ places, scope, service }: LayerImportOptions): Promise<StoredLayers[]> {
  const found: StoredLayers[] = [];
  for (const name of scope.layers.readsFrom) {
    const one = await readStoredLayers(places.layersOf(name, service));
    if (one) found.push(one);
  }
  if (found.length > 0 || scope.own !== "base") return found;
  return (await listStoredLayers(places))
    .filter((one) => one.service === service && one.scope.startsWith("pr-"))
    .sort((a, b) => (a.storedAt < b.storedAt ? 1 : -1))
    .slice(0, 1);
}

/** @returns false when they are damaged, and removed */
async function take(
  stored: StoredLayers,
  places: CachePlaces,
  reader: string,
  signal: AbortSignal,
): Promise<boolean> {
  for (const blob of stored.blobs) {
    if ((await linkBlob(places.layers, reader, blob)) && (await isSoundBlob(reader, blob, signal))) continue;
    // Without the lock: a build does not wait for what others store. What it was made of goes with the next sweep.
    await rm(blobPath(places.layers, blob.digest), { force: true });
    await rm(places.layersOf(stored.scope, stored.service), { force: true });
    return false;
  }
  return true;
}
