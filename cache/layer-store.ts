import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { link, lstat, mkdir, readdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { CachePlaces } from "./places.js";
import { replaceFile } from "./replace-file.js";
import { withLock } from "./repository-lock.js";

export interface LayerBlob {
  /** `sha256:…` */
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

/** The layers that a scope has stored of one service: those of one build, which BuildKit can be given in place of its own records. */
export interface StoredLayers {
  readonly v: 1;
  readonly service: string;
  /** Name of the scope that stored it. */
  readonly scope: string;
  /** Id of the build. */
  readonly build: string;
  /** RFC 3339. */
  readonly storedAt: string;
  /** Digest of the manifest that BuildKit wrote; it is among the blobs. */
  readonly manifest: string;
  /** Layers, which other services and scopes may share, and what describes them. */
  readonly blobs: readonly LayerBlob[];
  /** Records of BuildKit that held the same when it was stored: an engine that has all of them needs none of this. Empty: not known. */
  readonly records: readonly string[];
  /** Keys of the build's steps (`StepInputs.key`). */
  readonly keys: readonly string[];
}

const mostManifest = 4 * 1024 * 1024;
/** A build that was given layers is over by then. */
const oldestReaderMs = 24 * 3_600_000;
const digestShape = /^sha256:([0-9a-f]{64})$/;
/** Beside the scopes. */
const ownFolders: readonly string[] = ["blobs", "ingest", "readers"];

export const blobPath = (layout: string, digest: string): string =>
  join(layout, "blobs", "sha256", digest.slice("sha256:".length));

export async function writeStoredLayers(places: CachePlaces, stored: StoredLayers): Promise<void> {
  await replaceFile(places.layersOf(stored.scope, stored.service), JSON.stringify(stored));
}

/** Undefined where there is none. A damaged one is removed, and counts as none. */
export async function readStoredLayers(path: string): Promise<StoredLayers | undefined> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const stored = parseStoredLayers(text);
  if (stored === undefined) await rm(path, { force: true });
  return stored;
}

/** Of all scopes and services. */
export async function listStoredLayers(places: CachePlaces): Promise<StoredLayers[]> {
  const found: StoredLayers[] = [];
  for (const scope of (await readdir(places.layers).catch(() => [])).sort()) {
    if (ownFolders.includes(scope)) continue;
    for (const name of (await readdir(join(places.layers, scope)).catch(() => [])).sort()) {
      const path = join(places.layers, scope, name);
      const stored = name.endsWith(".json") ? await readStoredLayers(path) : undefined;
      if (stored && places.layersOf(stored.scope, stored.service) === path) found.push(stored);
    }
  }
  return found;
}

/** Bytes on disk of all layers of a repository: they share what they have in common. */
export async function layerBytes(places: Pick<CachePlaces, "layers">): Promise<number> {
  let bytes = 0;
  for (const { size } of await listBlobs(places.layers)) bytes += size;
  return bytes;
}

/** Removes what a scope has stored of a service, with all that nothing else is made of. @returns bytes freed on disk */
export async function removeStoredLayers(
  places: CachePlaces,
  { scope, service }: Pick<StoredLayers, "scope" | "service">,
  signal: AbortSignal,
): Promise<number> {
  return await withLock(places.lock, signal, async () => {
    await rm(places.layersOf(scope, service), { force: true });
    return await sweepLayers(places);
  });
}

/**
 * Removes blobs that nothing stored is made of, and what was being written when its process died. Only under the repository's lock.
 *
 * @returns bytes freed on disk
 */
export async function sweepLayers(places: CachePlaces): Promise<number> {
  const { layers } = places;
  await rm(join(layers, "ingest"), { recursive: true, force: true });
  const readers = join(layers, "readers");
  for (const name of await readdir(readers).catch(() => [])) {
    const about = await lstat(join(readers, name)).catch(() => undefined);
    if (about && Date.now() - about.mtimeMs > oldestReaderMs)
      await rm(join(readers, name), { recursive: true, force: true });
  }
  const needed = new Set(
    (await listStoredLayers(places)).flatMap(({ blobs }) => blobs.map((one) => one.digest)),
  );
  let freed = 0;
  for (const { digest, size } of await listBlobs(layers)) {
    if (needed.has(digest)) continue;
    await rm(blobPath(layers, digest), { force: true });
    freed += size;
  }
  return freed;
}

async function listBlobs(layout: string): Promise<LayerBlob[]> {
  const found: LayerBlob[] = [];
  for (const name of await readdir(join(layout, "blobs", "sha256")).catch(() => [])) {
    const about = await lstat(join(layout, "blobs", "sha256", name)).catch(() => undefined);
    if (about?.isFile()) found.push({ digest: `sha256:${name}`, size: about.size });
  }
  return found;
}

/** The manifest of a cache, what it names included. Undefined for what is none, or not whole. */
export async function blobsOf(layout: string, manifest: string): Promise<LayerBlob[] | undefined> {
  if (!digestShape.test(manifest)) return undefined;
  const path = blobPath(layout, manifest);
  const about = await lstat(path).catch(() => undefined);
  if (!about?.isFile() || about.size > mostManifest) return undefined;
  let text: Partial<Record<"config" | "layers" | "manifests", unknown>>;
  try {
    text = Object(JSON.parse(await readFile(path, "utf8")));
  } catch {
    return undefined;
  }
  const blobs = new Map([[manifest, about.size]]);
  for (const one of [text.config ?? [], text.layers ?? [], text.manifests ?? []].flat()) {
    const { digest, size } = Object(one) as Partial<LayerBlob>;
    if (!isBlob({ digest, size })) return undefined;
    blobs.set(String(digest), Number(size));
  }
  return [...blobs].map(([digest, size]) => ({ digest, size }));
}

/** Files that were read and found sound, or are being read, by what changes when they are written to: services share most of their layers. */
const sound = new Map<string, Promise<boolean>>();
const mostSound = 10_000;

/** Whether a blob is there and is what its digest says. A file that has not been written to since it was read is not read again. */
export async function isSoundBlob(
  layout: string,
  { digest, size }: LayerBlob,
  signal: AbortSignal,
): Promise<boolean> {
  const about = await lstat(blobPath(layout, digest)).catch(() => undefined);
  if (!about?.isFile() || about.size !== size) return false;
  const seen = `${digest} ${about.dev} ${about.ino} ${about.mtimeMs}`;
  const known = sound.get(seen);
  // Whoever reads it may be cancelled, or keep its other name of the file for less long.
  if (known && (await known.catch(() => false))) return true;
  const reading = isWholeBlob(layout, { digest, size }, signal);
  if (sound.size >= mostSound) sound.clear();
  sound.set(seen, reading);
  const whole = await reading.catch((error: unknown) => {
    sound.delete(seen);
    throw error;
  });
  if (!whole) sound.delete(seen);
  return whole;
}

/** The same, of what is on the disk now: all of it is read. */
export async function isWholeBlob(
  layout: string,
  { digest, size }: LayerBlob,
  signal: AbortSignal,
): Promise<boolean> {
  const path = blobPath(layout, digest);
  const about = await lstat(path).catch(() => undefined);
  if (!about?.isFile() || about.size !== size) return false;
  const hash = createHash("sha256");
  for await (const piece of createReadStream(path, { highWaterMark: 1024 * 1024, signal }))
    hash.update(piece);
  return `sha256:${hash.digest("hex")}` === digest;
}

/** Gives a blob a second name, under which it stays when the first one goes. False where there is none. */
export async function linkBlob(from: string, to: string, { digest }: LayerBlob): Promise<boolean> {
  const path = blobPath(to, digest);
  await mkdir(dirname(path), { recursive: true });
  try {
    await link(blobPath(from, digest), path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return false;
    if (code !== "EEXIST") throw error;
  }
  return true;
}

/** Undefined for what is none, or is damaged. */
export function parseStoredLayers(text: string): StoredLayers | undefined {
  try {
    const value = Object(JSON.parse(text)) as Partial<StoredLayers>;
    const { v, service, scope, build, storedAt, manifest, blobs, records, keys } = value;
    if (v !== 1 || !Array.isArray(blobs) || !blobs.every(isBlob)) return undefined;
    const texts = [service, scope, build, storedAt, manifest];
    for (const list of [records, keys]) {
      if (!Array.isArray(list)) return undefined;
      texts.push(...list);
    }
    const whole = texts.every((one) => typeof one === "string") && digestShape.test(String(manifest));
    return whole ? (value as StoredLayers) : undefined;
  } catch {
    return undefined;
  }
}

function isBlob(value: unknown): boolean {
  const { digest, size } = Object(value) as Partial<LayerBlob>;
  return digestShape.test(String(digest)) && Number.isSafeInteger(size) && Number(size) >= 0;
}
