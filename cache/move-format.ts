import { GalleyError } from "../src/errors/index.js";
import type { CacheBuildRecord } from "./build-record.js";
import { parseBuildRecord } from "./build-record.js";
import { parseStoredLayers, type StoredLayers } from "./layer-store.js";
import { isRepoKey } from "./places.js";
import { parseStoredMount, type StoredMount } from "./stored-mount.js";

/**
 * The first file in a file of caches, `galley-cache-<its sha256>.json`. Behind it comes each of `contents`, in that order, as
 * `chunk/<digest>` and `blob/<digest>`: their names are their checksums.
 */
export interface MovedCaches {
  readonly format: "galley-cache";
  readonly v: 1;
  readonly repoKey: string;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly mounts: readonly StoredMount[];
  readonly layers: readonly StoredLayers[];
  readonly builds: readonly CacheBuildRecord[];
  readonly contents: readonly MovedContent[];
}

export interface MovedContent {
  /** A chunk of mounts as it lies on disk, or a blob of layers. */
  readonly kind: "chunk" | "blob";
  /** sha256 in hexadecimal: of what a chunk holds, of a blob's bytes. */
  readonly digest: string;
  /** Bytes in the file. */
  readonly bytes: number;
}

export const contentName = ({ kind, digest }: MovedContent): string => `${kind}/${digest}`;

/** Largest list of contents that is read, in bytes. */
export const mostManifestBytes = 256 * 1024 * 1024;
/** A chunk on disk: what it holds, and a byte that says how. */
const mostChunkBytes = 8 * 1024 * 1024 + 1;
const scopeShape = /^(base|pr-[1-9]\d{0,9}|fork-(ref-[0-9a-f]{12}|pr-[1-9]\d{0,9}))$/;

/**
 * Checks that a manifest is whole and leads nowhere but into its repository's folder: the file may come from anybody.
 *
 * @throws GalleyError invalid_request
 */
export function parseMovedCaches(text: string): MovedCaches {
  const value = object(text);
  if (value?.format !== "galley-cache") throw notOurs("It is no file of galley cache export.");
  if (value.v !== 1)
    throw new GalleyError("invalid_request", "The file was written by a newer Galley.", {
      hint: "Import it with that version, or export it with this one.",
    });
  const { repoKey, createdAt, mounts, layers, builds, contents } = value;
  if (typeof repoKey !== "string" || !isRepoKey(repoKey) || typeof createdAt !== "string")
    throw notOurs("It does not say whose caches it holds.");
  const there = new Map<string, number>();
  for (const one of list(contents)) {
    const { kind, digest, bytes } = Object(one) as Partial<MovedContent>;
    const sound =
      (kind === "chunk" || kind === "blob") && typeof digest === "string" && /^[0-9a-f]{64}$/.test(digest);
    if (
      !sound ||
      !Number.isSafeInteger(bytes) ||
      Number(bytes) < 0 ||
      (kind === "chunk" && Number(bytes) > mostChunkBytes)
    )
      throw notOurs("It lists a content that cannot be.");
    if (there.has(`${kind}/${digest}`)) throw notOurs("It lists a content twice.");
    there.set(`${kind}/${digest}`, Number(bytes));
  }
  const kept = <T extends { readonly scope: string }>(all: unknown, parse: (text: string) => T | undefined) =>
    list(all).map((one) => {
      const stored = parse(JSON.stringify(one));
      if (stored === undefined || !scopeShape.test(stored.scope))
        throw notOurs("It describes something that is not whole.");
      return stored;
    });
  const checked: MovedCaches = {
    format: "galley-cache",
    v: 1,
    repoKey,
    createdAt,
    mounts: kept(mounts, parseStoredMount),
    layers: kept(layers, parseStoredLayers),
    builds: kept(builds, parseBuildRecord),
    contents: list(contents) as MovedContent[],
  };
  const missing =
    checked.mounts.some(({ chunks }) => chunks.some(({ digest }) => !there.has(`chunk/${digest}`))) ||
    checked.layers.some(({ blobs }) =>
      blobs.some(({ digest, size }) => there.get(`blob/${digest.slice("sha256:".length)}`) !== size),
    );
  if (missing) throw notOurs("Not everything that it describes is in it.");
  return checked;
}

export function notOurs(message: string): GalleyError {
  return new GalleyError("invalid_request", `The file cannot be imported. ${message}`, {
    hint: "It may have been cut short on its way: compare its size, or export it again.",
  });
}

function object(text: string): Partial<Record<keyof MovedCaches, unknown>> | undefined {
  try {
    return Object(JSON.parse(text)) as Partial<Record<keyof MovedCaches, unknown>>;
  } catch {
    return undefined;
  }
}

const list = (value: unknown): unknown[] => {
  if (!Array.isArray(value)) throw notOurs("Its list of contents is damaged.");
  return value;
};
