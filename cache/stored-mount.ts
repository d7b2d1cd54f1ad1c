import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { GalleyError } from "../src/errors/index.js";
import { type ArchiveEntry, ArchiveReader, type ArchiveSummary } from "./archive-summary.js";
import type { Chunk, ChunkStore } from "./chunks.js";
import { cutByContent } from "./cut.js";
import { keptEntries } from "./kept-entries.js";
import { replaceFile } from "./replace-file.js";
import { tarEnd } from "./tar-entry.js";

/** What was stored of one cache mount. */
export interface StoredMount {
  readonly v: 1;
  /** Id without namespace. */
  readonly id: string;
  /** Name of the scope that stored it. */
  readonly scope: string;
  readonly fingerprint: string;
  /** RFC 3339. */
  readonly storedAt: string;
  readonly content: ArchiveSummary;
  /** Of its archives, one after the other, and then of its listing. */
  readonly chunks: readonly Chunk[];
  /** Absent: it is one archive. */
  readonly archives?: readonly StoredArchive[];
  /** How many chunks its listing (`MountListing`) has. Absent: it has none, and is stored anew as a whole. */
  readonly listed?: number;
}

/** What was in the mount at first, and what has changed since. */
export interface StoredArchive {
  /** How many chunks it has. */
  readonly chunks: number;
  /** Paths of what archives before it have, and that was replaced or removed. */
  readonly replaces: readonly string[];
}

/** Of a mount's archives, without its listing. */
export const chunksOf = ({ chunks, listed = 0 }: Pick<StoredMount, "chunks" | "listed">): readonly Chunk[] =>
  chunks.slice(0, chunks.length - listed);

/** Chunks that are packed at once. */
const atOnce = 3;

/** What is packed well may still be much: sixteen times the room is no cache but a way to fill memory and time. */
export const mostUnpacked = (mostBytes: number): number => mostBytes * 16;

/** Files an archive's chunks. @throws GalleyError cache_too_large, and what the disk says: what was written is found by the next sweep */
export async function storeArchive(
  archive: AsyncIterable<Buffer>,
  chunks: ChunkStore,
  mostBytes: number,
  onEntry?: (entry: ArchiveEntry) => void,
): Promise<{
  readonly chunks: readonly Chunk[];
  readonly content: ArchiveSummary;
  readonly written: number;
}> {
  const reader = new ArchiveReader(onEntry);
  const stored: Chunk[] = [];
  const running = new Set<Promise<void>>();
  let failed: { error: unknown } | undefined;
  let written = 0;
  let size = 0;
  const requireRoom = () => {
    if (written <= mostBytes && size <= mostUnpacked(mostBytes)) return;
    throw new GalleyError(
      "cache_too_large",
      `It takes more than the ${mostBytes} bytes that its repository may store.`,
    );
  };
  try {
    for await (const { content, digest, release } of cutByContent(archive)) {
      if (failed) throw failed.error;
      reader.pass(content);
      size += content.length;
      const place = stored.push({ digest: "", size: 0 }) - 1;
      const putting: Promise<void> = chunks
        .put(content, digest)
        .then(({ size, written: bytes }) => {
          stored[place] = { digest, size };
          written += bytes;
        })
        .catch((error: unknown) => {
          failed ??= { error };
        })
        .finally(() => {
          release();
          running.delete(putting);
        });
      running.add(putting);
      if (running.size >= atOnce) await Promise.race(running);
      requireRoom();
    }
  } finally {
    await Promise.all(running);
  }
  if (failed) throw (failed as { error: unknown }).error;
  requireRoom();
  return { chunks: stored, content: reader.summary(), written };
}

/** What was stored, as one archive. Throws GalleyError cache_damaged at the first chunk that is not what it was. */
export async function* readArchive(
  stored: Pick<StoredMount, "chunks" | "archives" | "listed">,
  chunks: ChunkStore,
): AsyncGenerator<Buffer> {
  const contents = chunksOf(stored);
  const { archives = [] } = stored;
  if (archives.length < 2) return yield* contentsOf(contents, chunks);
  let at = 0;
  for (const [index, archive] of archives.entries()) {
    const replaced = new Set(archives.slice(index + 1).flatMap(({ replaces }) => replaces));
    yield* keptEntries(contentsOf(contents.slice(at, at + archive.chunks), chunks), replaced);
    at += archive.chunks;
  }
  yield tarEnd;
}

async function* contentsOf(wanted: readonly Chunk[], chunks: ChunkStore): AsyncGenerator<Buffer> {
  // The next ones are read and unpacked while this one goes out.
  const ahead: Promise<Buffer>[] = [];
  let next = 0;
  try {
    for (;;) {
      while (ahead.length < atOnce && next < wanted.length) {
        const reading = chunks.get(wanted[next++] as Chunk);
        reading.catch(() => {}); // it is thrown when its turn comes
        ahead.push(reading);
      }
      const first = ahead.shift();
      if (first === undefined) return;
      yield await first;
    }
  } finally {
    await Promise.allSettled(ahead);
  }
}

export async function writeStoredMount(path: string, stored: StoredMount): Promise<void> {
  await replaceFile(path, JSON.stringify(stored));
}

/** Undefined where there is none. A damaged one is removed, and counts as none. */
export async function readStoredMount(path: string): Promise<StoredMount | undefined> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const stored = parseStoredMount(text);
  if (stored === undefined) await rm(path, { force: true });
  return stored;
}

/** All that are in a directory of a scope, or of all scopes. */
export async function listStoredMounts(
  directory: string,
): Promise<{ readonly path: string; readonly stored: StoredMount }[]> {
  const found: { path: string; stored: StoredMount }[] = [];
  for (const name of await readdir(directory, { recursive: true }).catch(() => [])) {
    if (!name.endsWith(".json")) continue;
    const path = join(directory, name);
    const stored = await readStoredMount(path);
    if (stored) found.push({ path, stored });
  }
  return found;
}

/** Undefined for what is none, or is damaged. */
export function parseStoredMount(text: string): StoredMount | undefined {
  try {
    const value = Object(JSON.parse(text)) as Partial<StoredMount>;
    const { v, id, scope, fingerprint, storedAt, content, chunks } = value;
    if (
      v !== 1 ||
      !Array.isArray(chunks) ||
      typeof content !== "object" ||
      !Array.isArray(content?.directories)
    )
      return undefined;
    if ([id, scope, fingerprint, storedAt].some((field) => typeof field !== "string")) return undefined;
    const sound = chunks.every(
      (chunk) =>
        /^[0-9a-f]{64}$/.test(String(Object(chunk).digest)) &&
        Number.isSafeInteger(Object(chunk).size) &&
        Object(chunk).size > 0,
    );
    return sound && areArchives(value as StoredMount) ? (value as StoredMount) : undefined;
  } catch {
    return undefined;
  }
}

function areArchives({ chunks, archives, listed = 0 }: StoredMount): boolean {
  const isCount = (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 0;
  if (!isCount(listed) || listed > chunks.length) return false;
  if (archives === undefined) return true;
  if (!Array.isArray(archives)) return false;
  const whole = archives.every((one) => {
    const { chunks: count, replaces } = Object(one) as Partial<StoredArchive>;
    return isCount(count) && Array.isArray(replaces) && replaces.every((path) => typeof path === "string");
  });
  return whole && archives.reduce((sum, one) => sum + one.chunks, 0) === chunks.length - listed;
}
