import { DirectorySums } from "./directory-sums.js";
import { bareName, entryName, linkBytes, nameIn, sizeOf } from "./tar-headers.js";

/** What an archive holds, found while it passes by. */
export interface ArchiveSummary {
  /** Bytes of the archive. */
  readonly bytes: number;
  readonly entries: number;
  /** The largest directories first: `.` and those down to three levels below it. */
  readonly directories: readonly { readonly path: string; readonly bytes: number; readonly files: number }[];
}

/** An entry as it passes by. */
export interface ArchiveEntry {
  /** As `a/b`. */
  readonly name: string;
  /** What the header says it is: `0` for a file, `5` for a directory … */
  readonly type: string;
  /** Bytes of content. */
  readonly size: number;
  /** Bytes of what a link leads to. */
  readonly linkBytes: number;
  /** The archive's own buffer: to be read at once. */
  readonly header: Buffer;
  /** Something was said before it that is not in `header`, beside its name and what it leads to. */
  readonly extended: boolean;
}

const block = 512;
const longestName = 64 * 1024;

/** Reads the headers of a tar as it passes. What is no tar is counted as far as it goes: it comes from a build and may be anything. */
export class ArchiveReader {
  readonly #onEntry: (entry: ArchiveEntry) => void;
  #bytes = 0;
  #entries = 0;
  readonly #sums = new DirectorySums();
  /** Bytes of content to pass over before the next header. */
  #skip = 0;
  #header = Buffer.alloc(0);
  /** The long name that the next header has, and its bytes while they come. */
  #longName: string | undefined;
  #longLink: number | undefined;
  #extended = false;
  #collecting: { wanted: number; parts: Buffer[]; kind: "L" | "x" } | undefined;
  #readable = true;

  /** @param onEntry told of each entry but the archive's own folder */
  constructor(onEntry: (entry: ArchiveEntry) => void = () => {}) {
    this.#onEntry = onEntry;
  }

  pass(bytes: Buffer): void {
    this.#bytes += bytes.length;
    let at = 0;
    while (at < bytes.length && this.#readable) {
      if (this.#skip > 0) {
        const step = Math.min(this.#skip, bytes.length - at);
        if (this.#collecting) this.#collect(bytes.subarray(at, at + step));
        this.#skip -= step;
        at += step;
        continue;
      }
      if (this.#header.length === 0 && bytes.length - at >= block) {
        this.#entry(bytes.subarray(at, at + block));
        at += block;
        continue;
      }
      const missing = block - this.#header.length;
      this.#header = Buffer.concat([this.#header, bytes.subarray(at, at + missing)]);
      at += missing;
      if (this.#header.length < block) return;
      this.#entry(this.#header);
      this.#header = Buffer.alloc(0);
    }
  }

  summary(): ArchiveSummary {
    return { bytes: this.#bytes, entries: this.#entries, directories: this.#sums.largest() };
  }

  #entry(header: Buffer): void {
    if (header.every((byte) => byte === 0)) return;
    const size = sizeOf(header);
    if (size === undefined) {
      this.#readable = false;
      return;
    }
    const type = String.fromCharCode(header[156] ?? 0);
    this.#skip = Math.ceil(size / block) * block;
    if (type === "L" || type === "x") {
      if (size <= longestName) this.#collecting = { wanted: size, parts: [], kind: type };
      this.#extended ||= type === "x";
      return;
    }
    // With the zero that ends it.
    if (type === "K") this.#longLink = size - 1;
    if (type === "g" || type === "K") return;
    const name = bareName(this.#longName ?? entryName(header));
    const link = this.#longLink ?? linkBytes(header);
    const extended = this.#extended;
    this.#longName = undefined;
    this.#longLink = undefined;
    this.#extended = false;
    this.#entries += 1;
    if (name !== "") this.#onEntry({ name, type, size, linkBytes: link, header, extended });
    if (type !== "5") this.#sums.add(name, size);
  }

  #collect(piece: Buffer): void {
    const collecting = this.#collecting;
    if (!collecting) return;
    collecting.parts.push(Buffer.from(piece));
    const all = Buffer.concat(collecting.parts);
    if (all.length < Math.ceil(collecting.wanted / block) * block) return;
    this.#longName = nameIn(all.subarray(0, collecting.wanted), collecting.kind) ?? this.#longName;
    this.#collecting = undefined;
  }
}
