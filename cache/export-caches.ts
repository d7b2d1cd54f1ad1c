import { createHash, randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, lstat, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { GalleyError } from "../src/errors/index.js";
import { listBuildRecords } from "./build-record.js";
import { chunkStore } from "./chunks.js";
import { blobPath, listStoredLayers } from "./layer-store.js";
import { contentName, type MovedCaches, type MovedContent } from "./move-format.js";
import { cachePlaces } from "./places.js";
import { withLock } from "./repository-lock.js";
import { listStoredMounts } from "./stored-mount.js";
import { tarEnd, tarHeader, tarPadding } from "./tar-entry.js";

export interface Moved {
  readonly repo: string;
  readonly mounts: number;
  readonly layers: number;
  readonly builds: number;
  /** Of the contents, as they lie on disk. */
  readonly bytes: number;
}

export interface MoveOptions {
  readonly dataDirectory: string;
  /** The file that is written, or read. */
  readonly file: string;
  readonly onProgress: (done: number, all: number) => void;
  readonly signal: AbortSignal;
}

/**
 * Writes all that is stored for a repository, but its mirror, into one file: a tar, in which everything is as it lies on disk. It is
 * packed there already. The file gets its name when it is whole. Builds go on meanwhile; what they would store waits.
 *
 * @throws GalleyError not_found, cache_damaged
 */
export async function exportCaches(options: MoveOptions & { readonly repoKey: string }): Promise<Moved> {
  const { dataDirectory, repoKey, file, onProgress, signal } = options;
  const places = cachePlaces(dataDirectory, repoKey);
  if (!(await lstat(places.directory).catch(() => undefined)))
    throw new GalleyError("not_found", `Nothing is kept for a repository ${JSON.stringify(repoKey)}.`, {
      hint: "`galley cache ls` lists those that there are.",
    });
  const temporary = `${file}.${randomBytes(6).toString("hex")}.tmp`;
  return await withLock(places.lock, signal, async () => {
    await removeLeftovers(file);
    const mounts = (await listStoredMounts(join(places.directory, "mounts"))).map(({ stored }) => stored);
    const layers = await listStoredLayers(places);
    const chunks = chunkStore(places.chunks);
    const onDisk = await chunks.list();
    const wanted = new Map<string, MovedContent>();
    const add = (content: MovedContent) => wanted.set(contentName(content), content);
    for (const { digest } of mounts.flatMap((mount) => mount.chunks))
      add({ kind: "chunk", digest, bytes: onDisk.get(digest)?.bytes ?? gone(digest) });
    for (const { digest, size } of layers.flatMap(({ blobs }) => blobs))
      add({ kind: "blob", digest: digest.slice("sha256:".length), bytes: size });
    const contents = [...wanted.values()];
    const all = contents.reduce((sum, { bytes }) => sum + bytes, 0);
    const builds = await listBuildRecords(places.builds);
    const createdAt = new Date().toISOString();
    const manifest: MovedCaches = {
      format: "galley-cache",
      v: 1,
      repoKey,
      createdAt,
      mounts,
      layers,
      builds,
      contents,
    };
    const out = await open(temporary, "wx", 0o600);
    try {
      const text = Buffer.from(JSON.stringify(manifest));
      await write(
        out,
        `galley-cache-${createHash("sha256").update(text).digest("hex")}.json`,
        [text],
        text.length,
      );
      let done = 0;
      for (const content of contents) {
        signal.throwIfAborted();
        const { kind, digest, bytes } = content;
        const source =
          kind === "chunk"
            ? [(await chunks.packed(digest)) ?? gone(digest)]
            : createReadStream(blobPath(places.layers, `sha256:${digest}`), {
                highWaterMark: 1024 * 1024,
                signal,
              });
        await write(out, contentName(content), source, bytes);
        done += bytes;
        onProgress(done, all);
      }
      await out.writeFile(tarEnd);
      await out.datasync();
      await out.close();
      await rename(temporary, file);
    } finally {
      await out.close().catch(() => {});
      await rm(temporary, { force: true });
    }
    return { repo: repoKey, mounts: mounts.length, layers: layers.length, builds: builds.length, bytes: all };
  });
}

/** What an export to this file has left that was killed. There is one at a time of a repository. */
async function removeLeftovers(file: string): Promise<void> {
  const folder = dirname(file);
  const start = `${basename(file)}.`;
  for (const name of await readdir(folder).catch(() => []))
    if (name.startsWith(start) && /^[0-9a-f]{12}\.tmp$/.test(name.slice(start.length)))
      await rm(join(folder, name), { force: true });
}

async function write(
  out: FileHandle,
  name: string,
  source: AsyncIterable<Buffer> | readonly Buffer[],
  size: number,
): Promise<void> {
  let written = 0;
  await out.writeFile(tarHeader(name, size));
  for await (const piece of source) {
    written += piece.length;
    if (written <= size) await out.writeFile(piece);
  }
  if (written !== size) gone(name);
  await out.writeFile(tarPadding(size));
}

function gone(digest: string): never {
  throw new GalleyError(
    "cache_damaged",
    `What is stored is not whole: ${digest.slice(0, 12)} is gone or damaged.`,
    {
      hint: "`galley cache verify` removes what is damaged; what is left can be exported.",
    },
  );
}
