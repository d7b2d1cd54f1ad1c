/** What an archive holds, found while it passes by. */
export interface ArchiveSummary {
  /** Bytes of the archive. */
  readonly bytes: number;
  readonly entries: number;
  /** The largest directories first: `.` and those down to three levels below it. */
  readonly directories: readonly { readonly path: string; readonly bytes: number; readonly files: number }[];
}

const block = 512;
const deepest = 3;
const mostDirectories = 5_000;
const mostKept = 200;
const longestName = 64 * 1024;

/** Reads the headers of a tar as it passes. What is no tar is counted as far as it goes: it comes from a build and may be anything. */
export class ArchiveReader {
  #bytes = 0;
  #entries = 0;
  readonly #directories = new Map<string, { bytes: number; files: number }>();
  /** Bytes of content to pass over before the next header. */
  #skip = 0;
  #header = Buffer.alloc(0);
  /** The long name that the next header has, and its bytes while they come. */
  #longName: string | undefined;
  #collecting: { wanted: number; parts: Buffer[]; kind: "L" | "x" } | undefined;
  #readable = true;

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
      const missing = block - this.#header.length;
      this.#header = Buffer.concat([this.#header, bytes.subarray(at, at + missing)]);
      at += missing;
      if (this.#header.length < block) return;
      this.#entry(this.#header);
      this.#header = Buffer.alloc(0);
    }
  }

  summary(): ArchiveSummary {
    const directories = [...this.#directories]
      .map(([path, { bytes, files }]) => ({ path, bytes, files }))
      .sort((a, b) => b.bytes - a.bytes)
      .slice(0, mostKept);
    return { bytes: this.#bytes, entries: this.#entries, directories };
  }

  #entry(header: Buffer): void {
    if (header.every((byte) => byte === 0)) return;
    const size = numberIn(header, 124, 12);
    if (!Number.isSafeInteger(size) || size < 0) {
      this.#readable = false;
      return;
    }
    const type = String.fromCharCode(header[156] ?? 0);
    this.#skip = Math.ceil(size / block) * block;
    if (type === "L" || type === "x") {
      if (size <= longestName) this.#collecting = { wanted: size, parts: [], kind: type };
      return;
    }
    if (type === "g" || type === "K") return;
    const prefix = header.toString("latin1", 257, 262) === "ustar" ? textIn(header, 345, 155) : "";
    const short = textIn(header, 0, 100);
    const name = this.#longName ?? (prefix === "" ? short : `${prefix}/${short}`);
    this.#longName = undefined;
    this.#entries += 1;
    if (type === "5") return;
    const parts = name.split("/").filter((part) => part !== "" && part !== ".");
    for (let depth = 0; depth < Math.min(parts.length, deepest + 1); depth += 1)
      this.#count(depth === 0 ? "." : parts.slice(0, depth).join("/"), size);
  }

  #count(path: string, bytes: number): void {
    const known = this.#directories.get(path);
    if (known) {
      known.bytes += bytes;
      known.files += 1;
    } else if (this.#directories.size < mostDirectories) this.#directories.set(path, { bytes, files: 1 });
  }

  #collect(piece: Buffer): void {
    const collecting = this.#collecting;
    if (!collecting) return;
    collecting.parts.push(Buffer.from(piece));
    const all = Buffer.concat(collecting.parts);
    if (all.length < Math.ceil(collecting.wanted / block) * block) return;
    const text = all.toString("utf8", 0, collecting.wanted);
    this.#longName =
      collecting.kind === "L"
        ? text.replace(/\0.*$/s, "")
        : (/(?:^|\n)\d+ path=([^\n]*)\n/.exec(text)?.[1] ?? this.#longName);
    this.#collecting = undefined;
  }
}

function textIn(header: Buffer, at: number, length: number): string {
  const field = header.subarray(at, at + length);
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end === -1 ? length : end);
}

/** Octal digits, or a binary number where the first bit is set. */
function numberIn(header: Buffer, at: number, length: number): number {
  if (((header[at] ?? 0) & 0x80) === 0) return Number.parseInt(textIn(header, at, length).trim() || "0", 8);
  let value = 0;
  for (const byte of header.subarray(at + 4, at + length)) value = value * 256 + byte;
  return value;
}
