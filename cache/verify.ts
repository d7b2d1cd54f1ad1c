import { rm } from "node:fs/promises";
import { join } from "node:path";
import { GalleyError } from "../src/errors/index.js";
import { type ChunkStore, chunkStore } from "./chunks.js";
import { blobPath, isWholeBlob, type LayerBlob, listStoredLayers, readStoredLayers } from "./layer-store.js";
import { type CachePlaces, cachePlaces } from "./places.js";
import { refreshIndex } from "./repository-index.js";
import { withLock } from "./repository-lock.js";
import { listStoredMounts, readStoredMount } from "./stored-mount.js";
import { readIndexes } from "./stored-sweep.js";

/** One stored mount, or the stored layers of one service. */
export interface Verified {
  readonly kind: "mount" | "layers";
  readonly repo: string;
  /** The mount's id, or the service. */
  readonly what: string;
  readonly scope: string;
  readonly sound: boolean;
}

/** Something stored, with what has to be read of it. */
interface Stored {
  readonly about: Omit<Verified, "sound">;
  readonly places: CachePlaces;
  /** Says what it is made of. */
  readonly path: string;
  /** It was not stored anew since: what it was made of may be gone then. */
  readonly isCurrent: () => Promise<boolean>;
  /** Names of contents; those that several are made of are read once. */
  readonly parts: readonly { readonly name: string; readonly isSound: () => Promise<boolean> }[];
}

/**
 * Reads all that is stored. What is damaged is removed: the cache is cold then, and stored anew by the next build.
 *
 * @param onRead told of each content that was read: how many so far, and of how many
 */
export async function verifyStored(
  dataDirectory: string,
  signal: AbortSignal,
  onVerified: (verified: Verified) => void,
  onRead: (done: number, total: number) => void = () => {},
): Promise<void> {
  const all: Stored[] = [];
  for (const repo of (await readIndexes(dataDirectory)).keys())
    all.push(...(await storedOf(cachePlaces(dataDirectory, repo), repo, signal)));
  const names = new Set(all.flatMap(({ parts }) => parts.map(({ name }) => name)));
  const known = new Map<string, boolean>();
  const damaged = new Map<string, CachePlaces>();
  for (const { about, places, path, isCurrent, parts } of all) {
    let sound = true;
    for (const { name, isSound } of parts) {
      signal.throwIfAborted();
      const found = known.get(name) ?? (await isSound());
      if (!known.has(name)) onRead(known.set(name, found).size, names.size);
      sound &&= found;
    }
    if (!sound)
      await withLock(places.lock, signal, async () => {
        sound = !(await isCurrent());
        if (!sound) await rm(path, { force: true });
      });
    if (!sound) damaged.set(about.repo, places);
    onVerified({ ...about, sound });
  }
  for (const places of damaged.values()) await refreshIndex(places, signal);
}

async function storedOf(places: CachePlaces, repo: string, signal: AbortSignal): Promise<Stored[]> {
  const chunks = chunkStore(places.chunks);
  const mounts = (await listStoredMounts(join(places.directory, "mounts"))).map(
    ({ path, stored: { id, scope, storedAt, chunks: parts } }): Stored => ({
      about: { kind: "mount", repo, what: id, scope },
      ...{ places, path },
      isCurrent: async () => (await readStoredMount(path))?.storedAt === storedAt,
      parts: parts.map((chunk) => ({
        name: `${repo} ${chunk.digest} ${chunk.size}`,
        isSound: () => isSoundChunk(chunks, chunk),
      })),
    }),
  );
  const layers = (await listStoredLayers(places)).map(({ service, scope, storedAt, blobs }): Stored => {
    const path = places.layersOf(scope, service);
    return {
      about: { kind: "layers", repo, what: service, scope },
      ...{ places, path },
      isCurrent: async () => (await readStoredLayers(path))?.storedAt === storedAt,
      parts: blobs.map((blob) => ({
        name: `${repo} ${blob.digest}`,
        isSound: () => isSoundLayer(places, blob, signal),
      })),
    };
  });
  return [...mounts, ...layers];
}

async function isSoundChunk(chunks: ChunkStore, chunk: Parameters<ChunkStore["get"]>[0]): Promise<boolean> {
  try {
    await chunks.get(chunk);
    return true;
  } catch (error) {
    if (error instanceof GalleyError && error.code === "cache_damaged") return false;
    throw error;
  }
}

/** One that is not is removed: a file of that name would pass for what it should be. */
async function isSoundLayer({ layers }: CachePlaces, blob: LayerBlob, signal: AbortSignal): Promise<boolean> {
  const gone = (error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
    return false;
  };
  if (await isWholeBlob(layers, blob, signal).catch(gone)) return true;
  await rm(blobPath(layers, blob.digest), { force: true });
  return false;
}
