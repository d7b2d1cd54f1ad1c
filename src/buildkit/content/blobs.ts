import { createHash, randomBytes } from "node:crypto";
import { constants, type Stats } from "node:fs";
import { type FileHandle, lstat, mkdir, open, opendir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { digestHex } from "./digest.js";

/** What is known of a blob. */
export interface BlobInfo {
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/**
 * The blobs of an OCI image layout: `blobs/sha256/<hex>`, and `ingest/` for what is being written. Paths are made from
 * checked digests and random names only. Links in place of blobs are not followed: a layout may come from a repository.
 */
export class BlobDirectory {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Undefined when there is no such blob, or when something else than a file has its name. */
  async info(digest: string): Promise<BlobInfo | undefined> {
    const found = await lstat(this.#blob(digest)).catch(ignoreMissing);
    return found?.isFile() ? infoOf(digest, found) : undefined;
  }

  /** The caller closes the file. Undefined as for `info`. */
  async open(digest: string): Promise<{ readonly file: FileHandle; readonly size: number } | undefined> {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const file = await open(this.#blob(digest), flags).catch(ignoreMissing);
    if (file === undefined) return undefined;
    const found = await file.stat();
    if (found.isFile()) return { file, size: found.size };
    await file.close();
    return undefined;
  }

  async *list(): AsyncGenerator<BlobInfo> {
    const directory = await opendir(join(this.path, "blobs", "sha256")).catch(ignoreMissing);
    if (directory === undefined) return;
    for await (const { name } of directory) {
      const digest = `sha256:${name}`;
      const found = digestHex(digest) === undefined ? undefined : await this.info(digest);
      if (found !== undefined) yield found;
    }
  }

  async create(): Promise<BlobIngest> {
    const directory = join(this.path, "ingest");
    await mkdir(directory, { recursive: true });
    const temporary = join(directory, randomBytes(12).toString("hex"));
    return new BlobIngest(this, temporary, await open(temporary, "wx", 0o644));
  }

  /** Gives a written file its name. False, and the file removed, when the blob is there already in that size. */
  async adopt(temporary: string, digest: string, size: number): Promise<boolean> {
    const there = await this.info(digest);
    if (there?.size === size) {
      await rm(temporary, { force: true });
      return false;
    }
    await mkdir(join(this.path, "blobs", "sha256"), { recursive: true });
    await rename(temporary, this.#blob(digest));
    return true;
  }

  #blob(digest: string): string {
    const hex = digestHex(digest);
    if (hex === undefined) throw new TypeError("not a digest");
    return join(this.path, "blobs", "sha256", hex);
  }
}

/** One blob being written, from its first byte on. Not for concurrent use. */
export class BlobIngest {
  readonly startedAt = new Date();
  updatedAt = this.startedAt;
  /** Bytes written so far. */
  offset = 0;
  readonly #blobs: BlobDirectory;
  readonly #temporary: string;
  readonly #file: FileHandle;
  #hash = createHash("sha256");
  #adopted = false;

  constructor(blobs: BlobDirectory, temporary: string, file: FileHandle) {
    this.#blobs = blobs;
    this.#temporary = temporary;
    this.#file = file;
  }

  async write(bytes: Uint8Array): Promise<void> {
    let rest = bytes;
    while (rest.byteLength > 0) {
      const { bytesWritten } = await this.#file.write(rest, 0, rest.byteLength, this.offset);
      this.#hash.update(rest.subarray(0, bytesWritten));
      this.offset += bytesWritten;
      rest = rest.subarray(bytesWritten);
    }
    this.updatedAt = new Date();
  }

  /** Starts over. */
  async truncate(): Promise<void> {
    await this.#file.truncate(0);
    this.#hash = createHash("sha256");
    this.offset = 0;
  }

  /** The digest of what has been written so far. */
  digest(): string {
    return `sha256:${this.#hash.copy().digest("hex")}`;
  }

  /** Puts the blob in its place, on the disk before it has its name. False when it was there already. */
  async commit(): Promise<boolean> {
    const digest = this.digest();
    await this.#file.datasync();
    await this.#file.close();
    const adopted = await this.#blobs.adopt(this.#temporary, digest, this.offset);
    this.#adopted = true;
    return adopted;
  }

  /** Removes what was not committed. Idempotent. */
  async close(): Promise<void> {
    await this.#file.close();
    if (!this.#adopted) await rm(this.#temporary, { force: true });
  }
}

function infoOf(digest: string, found: Stats): BlobInfo {
  return { digest, size: found.size, createdAt: found.birthtime, updatedAt: found.mtime };
}

function ignoreMissing(error: unknown): undefined {
  const { code } = error as NodeJS.ErrnoException;
  // ELOOP: a link where a blob should be.
  if (code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP" || code === "ENXIO") return undefined;
  throw error;
}
