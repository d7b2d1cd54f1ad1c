import type { Conversion } from "./attributes.js";

/** Larger files are not converted: it takes all of the content at once. */
export const largestConverted = 64 * 1024 * 1024;

/** Can this encoding be written here? */
export function knowsEncoding(name: string): boolean {
  return encoders.has(name);
}

/**
 * The content that a checkout would write for a blob, as convert.c of git has it: `$Id$` first, then line ends, then the
 * encoding. Filters are none of it.
 */
export function toWorkTree(blob: Buffer, blobId: string, { ident, crlf, encoding }: Conversion): Buffer {
  let content = blob;
  if (ident) content = expandIdent(content, blobId);
  if (crlf !== undefined) content = toCrlf(content, crlf === "auto");
  const encode = encoding === undefined ? undefined : encoders.get(encoding);
  // Nothing stays nothing, without a mark; what is no UTF-8 stays as it is, after a complaint of git's.
  if (encode !== undefined && content.length > 0 && isUtf8(content))
    content = encode(content.toString("utf8"));
  return content;
}

/** `$Id$` and what was expanded before; what another system wrote there (it has blanks inside) stays. */
function expandIdent(content: Buffer, id: string): Buffer {
  const text = content.toString("latin1");
  let expanded = "";
  let at = 0;
  for (let dollar = text.indexOf("$Id"); dollar >= 0; dollar = text.indexOf("$Id", dollar + 1)) {
    const end = text[dollar + 3] === "$" ? dollar + 3 : text.indexOf("$", dollar + 4);
    if (end < 0) break;
    const inside = text.slice(dollar + 3, end);
    if (inside !== "" && (inside[0] !== ":" || inside.includes("\n") || foreign(inside))) continue;
    expanded += `${text.slice(at, dollar)}$Id: ${id} $`;
    at = end + 1;
    dollar = end;
  }
  return at === 0 ? content : Buffer.from(expanded + text.slice(at), "latin1");
}

/** A blank anywhere but at the two ends; `inside` begins with the colon. */
function foreign(inside: string): boolean {
  const blank = inside.indexOf(" ", 2);
  return blank >= 0 && blank < inside.length - 1;
}

function toCrlf(content: Buffer, auto: boolean): Buffer {
  const text = content.toString("latin1");
  if (auto && (text.includes("\r") || looksBinary(content))) return content;
  return Buffer.from(text.replace(/(?<!\r)\n/g, "\r\n"), "latin1");
}

/** git's measure (convert.c, gather_stats): a NUL, or more than one unprintable byte in 128. */
function looksBinary(content: Buffer): boolean {
  let printable = 0;
  let unprintable = 0;
  for (const [at, byte] of content.entries()) {
    if (byte === 0) return true;
    if (byte === 0x0a || byte === 0x0d) continue;
    if (byte === 0x7f) unprintable++;
    else if (byte >= 0x20 || (byte >= 0x08 && byte <= 0x0c) || byte === 0x1b) printable++;
    // A Ctrl-Z at the end was once the end of a text.
    else if (!(byte === 0x1a && at === content.length - 1)) unprintable++;
  }
  return printable >> 7 < unprintable;
}

function isUtf8(content: Buffer): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(content);
    return true;
  } catch {
    return false;
  }
}

const little = (text: string) => Buffer.from(text, "utf16le");
const big = (text: string) => little(text).swap16();
const mark = "\ufeff";
const wide = (write: "writeUInt32LE" | "writeUInt32BE") => (text: string) => {
  const points = [...text].map((character) => character.codePointAt(0) ?? 0);
  const bytes = Buffer.alloc(points.length * 4);
  for (const [at, point] of points.entries()) bytes[write](point, at * 4);
  return bytes;
};
const littleWide = wide("writeUInt32LE");

/** Those that Node can write. UTF-16 and UTF-32 alone mean what glibc's iconv makes of them: little-endian, with a mark. */
const encoders: ReadonlyMap<string, (text: string) => Buffer> = new Map([
  ["UTF-16", (text) => little(mark + text)],
  ["UTF-16LE", little],
  ["UTF-16BE", big],
  ["UTF-16LE-BOM", (text) => little(mark + text)],
  ["UTF-16BE-BOM", (text) => big(mark + text)],
  ["UTF-32", (text) => littleWide(mark + text)],
  ["UTF-32LE", littleWide],
  ["UTF-32BE", wide("writeUInt32BE")],
]);
