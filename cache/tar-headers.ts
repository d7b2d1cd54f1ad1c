// What a header of a tar says (ustar, with the additions of GNU and pax). It comes from a build, and may say anything.

/** Of an entry, as it stands in the header; a longer one comes in an entry before it. */
export function entryName(header: Buffer): string {
  const prefix = header.toString("latin1", 257, 262) === "ustar" ? field(header, 345, 155) : "";
  const short = field(header, 0, 100);
  return prefix === "" ? short : `${prefix}/${short}`;
}

/** Who may do what with an entry, whose it is, and when it was changed; undefined where that is no number. */
export function ownershipOf(
  header: Buffer,
): { readonly mode: number; readonly uid: number; readonly gid: number; readonly mtime: number } | undefined {
  const mode = number(header, 100, 8);
  const uid = number(header, 108, 8);
  const gid = number(header, 116, 8);
  const mtime = number(header, 136, 12);
  return [mode, uid, gid, mtime].every((one) => Number.isSafeInteger(one) && one >= 0)
    ? { mode: mode & 0o7777, uid, gid, mtime }
    : undefined;
}

/** Bytes of what a symbolic link leads to, as far as the header has it. */
export const linkBytes = (header: Buffer): number => {
  const end = header.subarray(157, 257).indexOf(0);
  return end === -1 ? 100 : end;
};

/** Bytes of content; undefined for what is no number. */
export function sizeOf(header: Buffer): number | undefined {
  const size = number(header, 124, 12);
  return Number.isSafeInteger(size) && size >= 0 ? size : undefined;
}

/** The name that the content of an entry of type `L` or `x` gives the one behind it. */
export function nameIn(content: Buffer, type: "L" | "x"): string | undefined {
  const text = content.toString("utf8");
  return type === "L" ? text.replace(/\0.*$/s, "") : /(?:^|\n)\d+ path=([^\n]*)\n/.exec(text)?.[1];
}

/** Without what may stand before and behind: `./a/b/` is `a/b`. Empty for the archive's own folder. */
export const bareName = (name: string): string =>
  name
    .replace(/^(?:\.?\/+)+/, "")
    .replace(/\/+$/, "")
    .replace(/^\.$/, "");

function field(header: Buffer, at: number, length: number): string {
  const bytes = header.subarray(at, at + length);
  const end = bytes.indexOf(0);
  return bytes.toString("utf8", 0, end === -1 ? length : end);
}

/** Octal digits, or a binary number where the first bit is set. */
function number(header: Buffer, at: number, length: number): number {
  if (((header[at] ?? 0) & 0x80) === 0) return Number.parseInt(field(header, at, length).trim() || "0", 8);
  let value = 0;
  for (const byte of header.subarray(at + 4, at + length)) value = value * 256 + byte;
  return value;
}
