import { createHash } from "node:crypto";
import { BuildKitError, constantTime, contentTime, goMode, type TreeEntry } from "../buildkit/index.js";
import { GalleyError } from "../errors/index.js";
import type { Conversion } from "./attributes.js";
import { toWorkTree } from "./conversion.js";
import type { ObjectReader } from "./object-reader.js";
import type { ListedObject } from "./tree-listing.js";
import type { LfsObject } from "./tree-sources.js";

/** One entry of a tree, and how to get its content. */
export interface TreeFile extends TreeEntry {
  readonly id: string;
  readonly reader: ObjectReader;
  /** What a checkout would make of the blob. */
  readonly conversion?: Conversion;
  readonly lfs?: LfsObject;
}

/** Describes what `git ls-tree` listed; `prefix` is where its repository lies in the tree, with a slash behind it. */
export function describe(
  { path, id, size }: ListedObject,
  mode: number,
  prefix: Buffer,
  reader: ObjectReader,
): TreeFile {
  const name = prefix.length === 0 ? path : Buffer.concat([prefix, path]);
  const modTime = contentTime(Buffer.from(id.slice(0, 16), "hex"));
  return { path: name, mode, uid: 0, gid: 0, size, modTime, id, reader };
}

export function describeDirectory(object: ListedObject, prefix: Buffer, reader: ObjectReader): TreeFile {
  return { ...describe(object, (goMode.directory | 0o755) >>> 0, prefix, reader), modTime: constantTime };
}

/**
 * The same file with other content than its blob's. `what` says which; the time is made of both, so that a rule that comes or
 * goes makes another time.
 */
export function changed(
  file: TreeFile,
  what: string,
  size: number,
  how: { readonly conversion: Conversion } | { readonly lfs: LfsObject },
): TreeFile {
  const digest = createHash("sha256").update(`${file.id}\n${what}`).digest();
  return { ...file, ...how, size, modTime: contentTime(digest) };
}

/** A whole object; undefined when it is not there. */
export async function readWhole(
  reader: ObjectReader,
  name: string,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  for await (const chunk of reader.contents(name, signal)) {
    if (chunk === undefined) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** The content of a file. Throws `context_invalid`, naming the file, when it cannot be had. */
export async function* readFile(file: TreeFile, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    if (file.lfs !== undefined) {
      yield* file.lfs.read(signal);
    } else if (file.conversion !== undefined) {
      const blob = await readWhole(file.reader, file.id, signal);
      if (blob === undefined) throw damaged(file);
      yield toWorkTree(blob, file.id, file.conversion);
    } else {
      for await (const chunk of file.reader.contents(file.id, signal)) {
        if (chunk === undefined) throw damaged(file);
        yield chunk;
      }
    }
  } catch (error) {
    throw error instanceof GalleyError ? damaged(file, error) : error;
  }
}

function damaged(file: TreeFile, cause?: GalleyError): BuildKitError {
  const why = cause === undefined ? "its object is missing" : cause.message;
  const where = file.lfs === undefined ? "from git" : "from LFS";
  return new BuildKitError("context_invalid", `${file.path.toString()} cannot be read ${where}: ${why}`, {
    hint: cause?.hint ?? "Fetch the repository again in full.",
    cause,
  });
}
