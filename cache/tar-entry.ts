const block = 512;
const mostSize = 8 ** 11 - 1;

/** A regular file's header in a tar (ustar). @param name ASCII, at most 100 bytes */
export function tarHeader(name: string, size: number): Buffer {
  if (name.length > 100 || size > mostSize) throw new RangeError("does not fit into a tar header");
  const header = Buffer.alloc(block);
  const octal = (value: number, length: number) => `${value.toString(8).padStart(length - 1, "0")}\0`;
  header.write(name, 0, "latin1");
  header.write(octal(0o600, 8), 100, "latin1");
  header.write(octal(0, 8), 108, "latin1");
  header.write(octal(0, 8), 116, "latin1");
  header.write(octal(size, 12), 124, "latin1");
  header.write(octal(0, 12), 136, "latin1");
  header.write("        0", 148, "latin1");
  header.write("0", 156, "latin1");
  header.write("ustar\x0000", 257, "latin1");
  header.write(`${sumOf(header).toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return header;
}

/** Undefined for whatever is not the header of a regular file as `tarHeader` writes it. */
export function readTarHeader(header: Buffer): { readonly name: string; readonly size: number } | undefined {
  const end = header.indexOf(0);
  const name = header.toString("latin1", 0, end === -1 || end > 100 ? 100 : end);
  const size = Number.parseInt(header.toString("latin1", 124, 135), 8);
  try {
    return Number.isSafeInteger(size) && size >= 0 && tarHeader(name, size).equals(header)
      ? { name, size }
      : undefined;
  } catch {
    return undefined;
  }
}

/** Zeros that fill up the last block of a file. */
export const tarPadding = (size: number): Buffer => Buffer.alloc((block - (size % block)) % block);

export const tarBlock = block;
/** What ends a tar. */
export const tarEnd = Buffer.alloc(2 * block);

/** With the field of the sum itself taken as blanks. */
function sumOf(header: Buffer): number {
  let sum = 8 * 0x20;
  for (const [at, byte] of header.entries()) if (at < 148 || at >= 156) sum += byte;
  return sum;
}
