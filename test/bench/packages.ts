import { createCipheriv, createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { tarEnd, tarHeader, tarPadding } from "../../cache/tar-entry.js";

/** A package that nobody has published: the same for the same name, everywhere. */
export interface MadePackage {
  readonly name: string;
  readonly version: string;
  readonly tarball: Buffer;
  /** SHA-1 in hexadecimal, as the oldest clients want it. */
  readonly shasum: string;
  /** SHA-512 of the tarball, as a string of Subresource Integrity. */
  readonly integrity: string;
}

const version = "1.0.0";
/** About as many as the packages of a usual application have. */
const filesEach = 12;

/** Its name says how many thousand bytes its tarball has, about. */
export const packageName = (name: string, kilobytes: number): string => `${name}-${kilobytes}k`;

/** Undefined for a name that `packageName` does not give. */
export function makePackage(name: string): MadePackage | undefined {
  const kilobytes = Number(/^[a-z][a-z0-9-]*-(\d{1,4})k$/.exec(name)?.[1] ?? Number.NaN);
  if (!Number.isInteger(kilobytes)) return undefined;
  const content = noise(name, kilobytes * 1000);
  const each = Math.ceil(content.length / filesEach);
  const files: [string, Buffer][] = [
    ["package/package.json", Buffer.from(`${JSON.stringify({ name, version, main: "f0.bin" })}\n`)],
    ...Array.from({ length: filesEach }, (_, index): [string, Buffer] => [
      `package/f${index}.bin`,
      content.subarray(index * each, (index + 1) * each),
    ]),
  ];
  const entries = files.flatMap(([path, body]) => [
    tarHeader(path, body.length),
    body,
    tarPadding(body.length),
  ]);
  // What it is made of cannot be made smaller: the fastest level is the same.
  const tarball = gzipSync(Buffer.concat([...entries, tarEnd]), { level: 1 });
  return {
    name,
    version,
    tarball,
    shasum: createHash("sha1").update(tarball).digest("hex"),
    integrity: `sha512-${createHash("sha512").update(tarball).digest("base64")}`,
  };
}

/** Bytes that look like nothing and are always the same. */
function noise(seed: string, bytes: number): Buffer {
  const key = createHash("sha256").update(seed).digest();
  return createCipheriv("aes-256-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(bytes));
}
