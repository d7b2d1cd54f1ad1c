import { GalleyError } from "../errors/index.js";

/** A file of root's, or a directory where the name ends in a slash. */
export interface TarEntry {
  /** Relative. */
  readonly name: string;
  readonly mode: number;
  readonly content: Buffer;
}

const BLOCK = 512;

/** An archive in the ustar format (POSIX.1-1988), which every engine unpacks. Its times are zero. Throws `container_failed` for a name that it cannot hold. */
export function tarOf(entries: readonly TarEntry[]): Buffer {
  const blocks = entries.flatMap((entry) => {
    const rest = (BLOCK - (entry.content.length % BLOCK)) % BLOCK;
    return [header(entry), entry.content, Buffer.alloc(rest)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]);
}

function header({ name, mode, content }: TarEntry): Buffer {
  const block = Buffer.alloc(BLOCK);
  const [prefix, rest] = split(name);
  const octal = (value: number, width: number) => `${value.toString(8).padStart(width - 1, "0")}\0`;
  block.write(rest, 0);
  block.write(octal(mode & 0o7777, 8), 100);
  block.write(octal(0, 8) + octal(0, 8), 108);
  block.write(octal(content.length, 12) + octal(0, 12), 124);
  block.write("        ", 148);
  block.write(name.endsWith("/") ? "5" : "0", 156);
  block.write("ustar\x0000", 257);
  block.write(prefix, 345);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

/** A name has 100 bytes, and 155 more for directories in front of it. */
function split(name: string): readonly [string, string] {
  if (Buffer.byteLength(name) <= 100) return ["", name];
  for (let at = name.indexOf("/"); at > 0 && at < name.length - 1; at = name.indexOf("/", at + 1)) {
    const [prefix, rest] = [name.slice(0, at), name.slice(at + 1)];
    if (Buffer.byteLength(prefix) <= 155 && Buffer.byteLength(rest) <= 100) return [prefix, rest];
  }
  throw new GalleyError(
    "container_failed",
    `the path ${name.slice(0, 60)}… is too long for a file of a container`,
  );
}
