import { createHash, randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, rename, rm, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { GalleyError } from "../src/errors/index.js";
import { readBuildRecord, writeBuildRecord } from "./build-record.js";
import { chunkStore } from "./chunks.js";
import type { Moved, MoveOptions } from "./export-caches.js";
import { blobPath, readStoredLayers, sweepLayers, writeStoredLayers } from "./layer-store.js";
import {
  contentName,
  type MovedCaches,
  type MovedContent,
  mostManifestBytes,
  notOurs,
  parseMovedCaches,
} from "./move-format.js";
import { type CachePlaces, cachePlaces } from "./places.js";
import { refreshIndex } from "./repository-index.js";
import { withLock } from "./repository-lock.js";
import { readStoredMount, writeStoredMount } from "./stored-mount.js";
import { sweep } from "./stored-sweep.js";
import { readTarHeader, tarBlock, tarPadding } from "./tar-entry.js";

const pieceBytes = 1024 * 1024;

/**
 * Takes in a file of `exportCaches`. Contents come first, each checked against its digest; what is made of them is filed when all are there,
 * so that an import that is cut off has brought nothing. What is here and newer stays.
 *
 * @throws GalleyError invalid_request for what is no such file, cache_damaged, cache_too_large when the disk has no room for it
 */
export async function importCaches(options: MoveOptions): Promise<Moved> {
  const { dataDirectory, file, onProgress, signal } = options;
  const tar = await TarFile.open(file);
  try {
    const manifest = await readManifest(tar);
    const { repoKey, contents, mounts, layers, builds } = manifest;
    const places = cachePlaces(dataDirectory, repoKey);
    const all = contents.reduce((sum, { bytes }) => sum + bytes, 0);
    await requireRoom(places, all);
    await withLock(places.lock, signal, async () => {
      try {
        let done = 0;
        for (const content of contents) {
          signal.throwIfAborted();
          await take(tar, content, places);
          done += content.bytes;
          onProgress(done, all);
        }
        await putInPlace(manifest, places);
      } finally {
        // What has come and nothing is made of: all of it, when this failed.
        await Promise.allSettled([sweep(places), sweepLayers(places)]);
      }
    });
    await refreshIndex(places, signal);
    return { repo: repoKey, mounts: mounts.length, layers: layers.length, builds: builds.length, bytes: all };
  } finally {
    await tar.close();
  }
}

async function readManifest(tar: TarFile): Promise<MovedCaches> {
  const { name, size } = await tar.next();
  const [, digest] = /^galley-cache-([0-9a-f]{64})\.json$/.exec(name) ?? [];
  if (digest === undefined || size > mostManifestBytes)
    throw notOurs("It is no file of galley cache export.");
  const parts: Buffer[] = [];
  for await (const piece of tar.content(size)) parts.push(piece);
  const text = Buffer.concat(parts);
  if (createHash("sha256").update(text).digest("hex") !== digest)
    throw notOurs("Its list of contents is damaged.");
  return parseMovedCaches(text.toString());
}

async function requireRoom(places: CachePlaces, bytes: number): Promise<void> {
  await mkdir(places.root, { recursive: true });
  const { bavail, bsize } = await statfs(places.root);
  const free = bavail * bsize;
  if (free >= bytes) return;
  throw new GalleyError("cache_too_large", `The caches take ${bytes} bytes; the disk has ${free} left.`, {
    hint: "`galley cache prune` makes room.",
  });
}

async function take(tar: TarFile, content: MovedContent, places: CachePlaces): Promise<void> {
  const { kind, digest, bytes } = content;
  const { name, size } = await tar.next();
  // Nothing of a name is used but that it is the one that must come now.
  if (name !== contentName(content) || size !== bytes)
    throw notOurs("Its contents are not those that it lists.");
  if (kind === "chunk") {
    const parts: Buffer[] = [];
    for await (const piece of tar.content(size)) parts.push(piece);
    await chunkStore(places.chunks).adopt(digest, Buffer.concat(parts));
    return;
  }
  const path = blobPath(places.layers, `sha256:${digest}`);
  const temporary = join(places.layers, "ingest", randomBytes(8).toString("hex"));
  await mkdir(dirname(temporary), { recursive: true });
  await mkdir(dirname(path), { recursive: true });
  const out = await open(temporary, "wx", 0o600);
  try {
    const hash = createHash("sha256");
    for await (const piece of tar.content(size)) {
      hash.update(piece);
      await out.writeFile(piece);
    }
    if (hash.digest("hex") !== digest)
      throw new GalleyError("cache_damaged", `The layer ${digest.slice(0, 12)} is damaged.`);
    await out.datasync();
    await rename(temporary, path);
  } finally {
    await out.close();
    await rm(temporary, { force: true });
  }
}

async function putInPlace({ mounts, layers, builds }: MovedCaches, places: CachePlaces): Promise<void> {
  for (const one of mounts) {
    const path = places.mount(one.scope, one.id);
    const here = await readStoredMount(path);
    if (!here || here.storedAt < one.storedAt) await writeStoredMount(path, one);
  }
  for (const one of layers) {
    const here = await readStoredLayers(places.layersOf(one.scope, one.service));
    // No engine of this host is known to have the records that they were made of.
    if (!here || here.storedAt < one.storedAt) await writeStoredLayers(places, { ...one, records: [] });
  }
  for (const one of builds)
    if (!(await readBuildRecord(places.builds, one.id))) await writeBuildRecord(places.builds, one);
}

/** A tar of regular files, read from its beginning to its end. */
class TarFile {
  readonly #file: FileHandle;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async open(path: string): Promise<TarFile> {
    const file = await open(path, "r").catch((error: NodeJS.ErrnoException) => {
      throw new GalleyError("not_found", `${path} cannot be read: ${error.message}`, { cause: error });
    });
    return new TarFile(file);
  }

  async next(): Promise<{ readonly name: string; readonly size: number }> {
    const header = readTarHeader(await this.#read(tarBlock));
    if (header === undefined) throw notOurs("It holds something else than it lists.");
    return header;
  }

  async *content(size: number): AsyncGenerator<Buffer> {
    for (let left = size; left > 0; ) {
      const piece = await this.#read(Math.min(left, pieceBytes));
      left -= piece.length;
      yield piece;
    }
    const padding = tarPadding(size);
    if (!(await this.#read(padding.length)).equals(padding))
      throw notOurs("It holds something else than it lists.");
  }

  close(): Promise<void> {
    return this.#file.close();
  }

  async #read(bytes: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(bytes);
    for (let at = 0; at < bytes; ) {
      const { bytesRead } = await this.#file.read(buffer, at, bytes - at, null);
      if (bytesRead === 0) throw notOurs("It ends before everything has come.");
      at += bytesRead;
    }
    return buffer;
  }
}
