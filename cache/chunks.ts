import { createHash, randomBytes } from "node:crypto";
import { type FileHandle, lstat, mkdir, open, readdir, readFile, rename, rm, utimes } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { deflateRaw, inflateRaw } from "node:zlib";
import { GalleyError } from "../src/errors/index.js";

const pack = promisify(deflateRaw);
const unpack = promisify(inflateRaw);

export interface Chunk {
  /** sha256 of the content, in hexadecimal. */
  readonly digest: string;
  /** Bytes of the content. */
  readonly size: number;
}

/** Largest content; a chunk that claims to hold more is damaged. */
const largest = 8 * 1024 * 1024;
/** What is not a tenth smaller stays as it is: archives and images are packed already. */
const worthwhile = 0.9;
const probeBytes = 16 * 1024;
/** Bits a byte that something packed has, or nearly so; text has five. */
const packedBits = 7.5;
/** What zlib gives out at once: with less, most of its time goes into handing over. */
const outputBytes = 256 * 1024;
const plain = 0;
const packed = 1;

/** Contents on disk by their digest. A chunk is verified when it is read: what is damaged is as good as lost, and never wrong. */
export interface ChunkStore {
  /**
   * @param digest of the content. Default: it is made
   * @returns the bytes that were written: 0 when it was there
   */
  put(content: Buffer, digest?: string): Promise<Chunk & { readonly written: number }>;
  /** @throws GalleyError cache_damaged */
  get(chunk: Chunk): Promise<Buffer>;
  /** As it lies on disk; undefined where it is not. */
  packed(digest: string): Promise<Buffer | undefined>;
  /** Files a chunk as another store has it on disk. @throws GalleyError cache_damaged when it is not what its digest says */
  adopt(digest: string, packed: Buffer): Promise<void>;
  /** Bytes on disk of all chunks, by digest. */
  list(): Promise<Map<string, { readonly bytes: number; readonly modifiedAt: number }>>;
  /** @returns the bytes freed */
  remove(digest: string): Promise<number>;
}

export function chunkStore(directory: string): ChunkStore {
  const place = (digest: string) => join(directory, digest.slice(0, 2), digest);
  const write = async (digest: string, ...body: readonly Buffer[]) => {
    await mkdir(join(directory, digest.slice(0, 2)), { recursive: true });
    const temporary = `${place(digest)}.${randomBytes(4).toString("hex")}.tmp`;
    try {
      const file = await open(temporary, "wx", 0o600);
      try {
        await writeAll(file, body);
      } finally {
        await file.close();
      }
      await rename(temporary, place(digest));
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  };
  return {
    async put(content, digest = digestOf(content)) {
      const path = place(digest);
      const chunk = { digest, size: content.length };
      const now = new Date();
      const there = await utimes(path, now, now).then(
        () => true,
        () => false,
      );
      if (there) return { ...chunk, written: 0 };
      const body = await compact(content);
      await write(digest, ...body);
      return { ...chunk, written: lengthOf(body) };
    },
    async get({ digest, size }) {
      const body = await readFile(place(digest)).catch(() => undefined);
      const content = body && size <= largest ? await expand(body) : undefined;
      const found = content && digestOf(content);
      if (content === undefined || found !== digest || content.length !== size) {
        if (body !== undefined) await rm(place(digest), { force: true });
        throw new GalleyError(
          "cache_damaged",
          `The stored chunk ${digest.slice(0, 12)} is ${body ? "damaged" : "gone"}.`,
        );
      }
      return content;
    },
    packed: (digest) => readFile(place(digest)).catch(() => undefined),
    async adopt(digest, packed) {
      const content = await expand(packed);
      if (content === undefined || digestOf(content) !== digest)
        throw new GalleyError("cache_damaged", `The chunk ${digest.slice(0, 12)} is damaged.`);
      await write(digest, packed);
    },
    async list() {
      const found = new Map<string, { bytes: number; modifiedAt: number }>();
      for (const folder of await readdir(directory).catch(() => []))
        for (const name of await readdir(join(directory, folder)).catch(() => [])) {
          const about = await lstat(join(directory, folder, name)).catch(() => undefined);
          if (about?.isFile()) found.set(name, { bytes: about.size, modifiedAt: about.mtimeMs });
        }
      return found;
    },
    async remove(digest) {
      const path = place(digest);
      const about = await lstat(path).catch(() => undefined);
      await rm(path, { force: true });
      return about?.size ?? 0;
    },
  };
}

const lengthOf = (parts: readonly Buffer[]) => parts.reduce((sum, { length }) => sum + length, 0);

const digestOf = (content: Buffer) => createHash("sha256").update(content).digest("hex");

async function writeAll(file: FileHandle, parts: readonly Buffer[]): Promise<void> {
  for (let left = [...parts]; left.length > 0; ) {
    let { bytesWritten } = await file.writev(left);
    // A disk that is nearly full takes less than all; the next call says why.
    left = left.flatMap((part) => {
      const gone = Math.min(bytesWritten, part.length);
      bytesWritten -= gone;
      return gone === part.length ? [] : [part.subarray(gone)];
    });
  }
}

/** What lies on disk, in parts. */
async function compact(content: Buffer): Promise<readonly Buffer[]> {
  // Not the outermost, which may be short.
  const probes = [1, 2, 3].map((quarter) => {
    const at = Math.floor((content.length * quarter) / 4);
    return content.subarray(at, at + probeBytes);
  });
  if (probes.every((probe) => bitsOf(probe) > packedBits)) return [Buffer.of(plain), content];
  const smaller = await pack(content, { level: 1, chunkSize: outputBytes });
  return smaller.length > content.length * worthwhile
    ? [Buffer.of(plain), content]
    : [Buffer.of(packed), smaller];
}

/** Bits that a byte carries, by how often each value comes: nearly eight in what is packed. Of a few thousand bytes it takes no time. */
function bitsOf(bytes: Buffer): number {
  const counts = new Uint32Array(256);
  for (const byte of bytes) counts[byte] = (counts[byte] as number) + 1;
  let bits = 0;
  for (const count of counts) if (count > 0) bits -= (count / bytes.length) * Math.log2(count / bytes.length);
  return bits;
}

async function expand(body: Buffer): Promise<Buffer | undefined> {
  if (body[0] === plain) return body.subarray(1);
  if (body[0] !== packed) return undefined;
  return await unpack(body.subarray(1), { maxOutputLength: largest }).catch(() => undefined);
}
