import { GalleyError } from "../src/errors/index.js";
import { ArchiveListing } from "./archive-listing.js";
import type { ArchiveSummary } from "./archive-summary.js";
import type { Chunk, ChunkStore } from "./chunks.js";
import {
  compareListings,
  formatListing,
  type MountListing,
  parseListing,
  summaryOf,
} from "./mount-listing.js";
import type { MountProcess } from "./mount-process.js";
import { chunksOf, mostUnpacked, type StoredMount, storeArchive } from "./stored-mount.js";

export interface StoredContent extends Pick<StoredMount, "chunks" | "content" | "archives" | "listed"> {
  /** Bytes on disk that were not there before. */
  readonly written: number;
}

/** More than these are put together into one archive again, and so is what has more stale bytes in it than a quarter. */
const mostArchives = 24;
const mostReplaced = 20_000;
const mostStale = 1 / 4;
/** What has changed so much is read as a whole: that takes no longer. */
const mostChanged = 1 / 2;

/**
 * Stores what is in a cache mount. Where it is known what was in it when it was last stored, only files that have changed are read.
 *
 * @param before what was stored of it last, by whatever scope
 * @throws GalleyError cache_too_large, and what the disk and the engine say
 */
export async function storeMount(
  mount: MountProcess,
  before: StoredMount | undefined,
  chunks: ChunkStore,
  mostBytes: number,
  signal: AbortSignal,
): Promise<StoredContent> {
  const changes = before && (await storeChanges(mount, before, chunks, mostBytes, signal));
  return changes ?? (await storeWhole(mount, chunks, mostBytes, signal));
}

async function storeWhole(
  mount: MountProcess,
  chunks: ChunkStore,
  mostBytes: number,
  signal: AbortSignal,
): Promise<StoredContent> {
  const listed = new ArchiveListing();
  const stored = await storeArchive(mount.archive(signal), chunks, mostBytes, (entry) => listed.add(entry));
  const { content, written } = stored;
  const listing = listed.listing();
  if (!listing) return { chunks: stored.chunks, content, written };
  const archive = { chunks: stored.chunks.length, replaces: [] };
  return await withListing(stored.chunks, [archive], listing, content, chunks, written);
}

/** Undefined where it is better, or has to be, read as a whole. */
async function storeChanges(
  mount: MountProcess,
  before: StoredMount,
  chunks: ChunkStore,
  mostBytes: number,
  signal: AbortSignal,
): Promise<StoredContent | undefined> {
  const { archives = [] } = before;
  const known = archives.length < mostArchives ? await listingOf(before, chunks) : undefined;
  const listing = known && (await mount.list());
  const changes = listing && compareListings(known, listing);
  if (!changes) return undefined;
  const { changed, replaced, changedBytes } = changes;
  const content = summaryOf(listing);
  const contents = chunksOf(before);
  const held = contents.reduce((sum, { size }) => sum + size, 0) + changedBytes;
  const names = archives.reduce((sum, { replaces }) => sum + replaces.length, replaced.length);
  if (content.bytes > mostUnpacked(mostBytes)) return undefined;
  if (names > mostReplaced || changedBytes > content.bytes * mostChanged) return undefined;
  if (held - content.bytes > content.bytes * mostStale) return undefined;
  const found = new Set<string>();
  const stored =
    changed.length === 0
      ? { chunks: [], written: 0 }
      : await storeArchive(mount.archive(signal, changed), chunks, mostBytes, ({ name }) =>
          found.add(name),
        ).catch((error: unknown) => {
          // A `tar` that takes no list, or a file that has gone meanwhile.
          if (error instanceof GalleyError && error.code === "engine_error") return undefined;
          throw error;
        });
  if (!stored || !isAll(found, changed)) return undefined;
  return await withListing(
    [...contents, ...stored.chunks],
    [...archives, { chunks: stored.chunks.length, replaces: replaced }],
    listing,
    content,
    chunks,
    stored.written,
  );
}

const isAll = (found: ReadonlySet<string>, wanted: readonly string[]) =>
  found.size === wanted.length && wanted.every((name) => found.has(name));

const pieceBytes = 4 * 1024 * 1024;

async function withListing(
  contents: readonly Chunk[],
  archives: StoredMount["archives"] & object,
  listing: MountListing,
  content: ArchiveSummary,
  chunks: ChunkStore,
  written: number,
): Promise<StoredContent> {
  const text = Buffer.from(formatListing(listing));
  const listed: Chunk[] = [];
  let all = written;
  for (let at = 0; at < text.length; at += pieceBytes) {
    const { digest, size, written: bytes } = await chunks.put(text.subarray(at, at + pieceBytes));
    listed.push({ digest, size });
    all += bytes;
  }
  return { chunks: [...contents, ...listed], archives, listed: listed.length, content, written: all };
}

/** Undefined where it was not stored, or is damaged: then all is stored anew. */
async function listingOf(
  { chunks, listed = 0 }: StoredMount,
  store: ChunkStore,
): Promise<MountListing | undefined> {
  if (listed === 0) return undefined;
  const parts: Buffer[] = [];
  for (const chunk of chunks.slice(-listed)) {
    const part = await store.get(chunk).catch(() => undefined);
    if (part === undefined) return undefined;
    parts.push(part);
  }
  return parseListing(Buffer.concat(parts).toString());
}
