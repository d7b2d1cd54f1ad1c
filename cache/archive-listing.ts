import type { ArchiveEntry } from "./archive-summary.js";
import { isListable, type ListedEntry, type MountListing, mostListed } from "./mount-listing.js";
import { ownershipOf } from "./tar-headers.js";

/** Bits of a mode that say what it is of. */
const kinds: Readonly<Record<string, number>> = {
  "0": 0x8000,
  "\0": 0x8000,
  "2": 0xa000,
  "3": 0x2000,
  "4": 0x6000,
  "5": 0x4000,
  "6": 0x1000,
};

/** The listing of a mount, made of its archive as it passes by: what `MountProcess.list` says, without asking for it. */
export class ArchiveListing {
  #entries: Map<string, ListedEntry> | undefined = new Map();

  add(entry: ArchiveEntry): void {
    const listed = listedAs(entry);
    const entries = this.#entries;
    if (!listed || !entries || entries.has(entry.name) || entries.size >= mostListed)
      this.#entries = undefined;
    else entries.set(entry.name, listed);
  }

  /** Undefined where it would not be what the mount's own is. */
  listing(): MountListing | undefined {
    return this.#entries;
  }
}

/** Undefined for what the mount's own listing has otherwise: a further name of a file, for one. */
function listedAs({ name, type, size, linkBytes, header, extended }: ArchiveEntry): ListedEntry | undefined {
  const kind = kinds[type];
  const owned = ownershipOf(header);
  if (kind === undefined || !owned || extended || !isListable(name)) return undefined;
  const mode = (kind | owned.mode).toString(16);
  const { uid, gid, mtime } = owned;
  if (kind === kinds["5"])
    return { about: `- ${mode} 0 - ${uid} ${gid} ./`, kind: "directory", size: 0, links: 1 };
  const isFile = kind === kinds["0"];
  const bytes = isFile ? size : kind === kinds["2"] ? linkBytes : 0;
  return {
    about: `1 ${mode} ${bytes} ${mtime} ${uid} ${gid} ./`,
    kind: isFile ? "file" : "other",
    size: isFile ? size : 0,
    links: 1,
  };
}
