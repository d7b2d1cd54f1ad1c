import type { ArchiveSummary } from "./archive-summary.js";
import { DirectorySums } from "./directory-sums.js";

/** What is in a cache mount, by path below it (`a/b`). */
export type MountListing = ReadonlyMap<string, ListedEntry>;

export interface ListedEntry {
  /** Kind, mode, size, time and owner: what changes with it. */
  readonly about: string;
  readonly kind: "file" | "directory" | "other";
  /** Bytes of a file; 0 of all else. */
  readonly size: number;
  /** Names that it has; 1 for a directory. */
  readonly links: number;
}

/** More is never compared file by file. */
export const mostListed = 100_000;

/** Whether a path can stand in a list, and be handed to a `tar` in one: names come from builds, and may be anything. */
export const isListable = (path: string): boolean => !/[\n\\\ufffd]/.test(path);

const line = /^(\d+|-) ([0-9a-f]{4,8}) (\d+) (?:-?\d+|-) \d+ \d+ \.\/(.+)$/;

/**
 * Reads lines of `LINKS MODE SIZE TIME UID GID ./PATH`, of directories with `-` for links and time. Undefined where they cannot be told apart, or
 * where a path cannot stand in a list.
 */
export function parseListing(text: string): MountListing | undefined {
  const entries = new Map<string, ListedEntry>();
  for (const one of text.split("\n")) {
    if (one === "") continue;
    const [, links, mode, size, path] = line.exec(one) ?? [];
    if (links === undefined || mode === undefined || path === undefined || !isListable(path))
      return undefined;
    if (entries.size >= mostListed || entries.has(path)) return undefined;
    const kind = kindOf(Number.parseInt(mode, 16));
    entries.set(path, {
      about: one.slice(0, -path.length),
      kind,
      size: kind === "file" ? Number(size) : 0,
      links: links === "-" ? 1 : Number(links),
    });
  }
  return entries;
}

/** By path: the same whether it was asked for or made of an archive. */
export function formatListing(listing: MountListing): string {
  return [...listing.keys()]
    .sort()
    .map((path) => `${listing.get(path)?.about}${path}\n`)
    .join("");
}

/** What another listing has that this one has not, or has otherwise, and which paths of this one mean nothing any more. */
export interface ListingChanges {
  /** To be read again: parents before what is in them. */
  readonly changed: readonly string[];
  /** To be left out of what was read before. */
  readonly replaced: readonly string[];
  /** Bytes of files among `replaced`. */
  readonly replacedBytes: number;
  /** Bytes of files among `changed`. */
  readonly changedBytes: number;
}

/** Undefined where files have several names: one of them has the content in an archive, the others only say which. */
export function compareListings(before: MountListing, after: MountListing): ListingChanges | undefined {
  for (const listing of [before, after])
    for (const { links } of listing.values()) if (links !== 1) return undefined;
  const changed: string[] = [];
  const replaced: string[] = [];
  let replacedBytes = 0;
  let changedBytes = 0;
  for (const [path, entry] of after) {
    if (before.get(path)?.about === entry.about) continue;
    changed.push(path);
    changedBytes += entry.size;
  }
  for (const [path, entry] of before) {
    const now = after.get(path);
    // A directory that has only another mode is gone over by the later entry.
    if (now?.about === entry.about || (now?.kind === "directory" && entry.kind === "directory")) continue;
    replaced.push(path);
    replacedBytes += entry.size;
  }
  return { changed: changed.sort(), replaced, replacedBytes, changedBytes };
}

const block = 512;

/** What an archive of it says, the mount's own folder among its entries. */
export function summaryOf(listing: MountListing): ArchiveSummary {
  const sums = new DirectorySums();
  let bytes = 3 * block;
  for (const [path, { kind, size }] of listing) {
    bytes += block + Math.ceil(size / block) * block;
    if (kind !== "directory") sums.add(path, size);
  }
  return { bytes, entries: listing.size + 1, directories: sums.largest() };
}

function kindOf(mode: number): ListedEntry["kind"] {
  const kind = mode & 0xf000;
  return kind === 0x8000 ? "file" : kind === 0x4000 ? "directory" : "other";
}
