import { createHash } from "node:crypto";
import { basename, resolve } from "node:path";
import { BuildKitError } from "../errors.js";
import type { CacheEntry } from "../solve/types.js";
import { BlobDirectory } from "./blobs.js";
import { digestHex } from "./digest.js";
import type { ContentDirectory } from "./service.js";
import { type Descriptor, findInIndex, isDescriptor, putInIndex, readStoreIndex } from "./store-index.js";

/** A cache directory that will not be imported, and why: no error, as a first build has none. */
export interface SkippedCache {
  readonly directory: string;
  readonly reason: string;
}

/** Cache options made ready for one solve. */
export interface PreparedCaches {
  /** For the frontend attribute `cache-imports`: local ones have their digest, missing ones are left out. */
  readonly imports: readonly CacheEntry[];
  /** For `SolveRequest.Cache.Exports`. */
  readonly exports: readonly CacheEntry[];
  /** What the content store must serve for them, by store id. */
  readonly stores: Readonly<Record<string, ContentDirectory>>;
  readonly skipped: readonly SkippedCache[];
  /** Names the exported manifest in each directory's index; to be called with the response of a solve that succeeded. */
  finish(exporterResponse: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<void>;
}

/**
 * Prepares `type=local` caches: directories become stores with opaque ids (a path may hold what a header cannot, and is
 * nobody's business), tags become digests. Entries of other types pass as they are, and so do those whose `src` or `dest` is a store
 * that the caller serves by itself (`local:NAME`): it reads `cache.manifest` from the response, and no index names what was exported.
 *
 * Throws `option_invalid` for entries without a directory, `context_invalid` for a directory whose index is damaged.
 */
export async function prepareCaches(
  imports: readonly CacheEntry[],
  exports: readonly CacheEntry[],
  options: { readonly cwd?: string; readonly served?: Readonly<Record<string, ContentDirectory>> } = {},
): Promise<PreparedCaches> {
  const { served = {} } = options;
  const passes = ({ type, attrs }: CacheEntry) =>
    type !== "local" || Object.hasOwn(served, `local:${attrs.src ?? attrs.dest}`);
  const cwd = options.cwd ?? process.cwd();
  const stores: Record<string, ContentDirectory> = {};
  const skipped: SkippedCache[] = [];
  const readyImports: CacheEntry[] = [];
  const readyExports: CacheEntry[] = [];
  const toFinish: { readonly directory: string; readonly tag: string }[] = [];

  const use = (directory: string, writable: boolean): string => {
    const name = storeName(directory);
    const id = `local:${name}`;
    stores[id] = { path: directory, writable: writable || (stores[id]?.writable ?? false) };
    return name;
  };
  for (const entry of imports) {
    if (passes(entry)) {
      readyImports.push(entry);
      continue;
    }
    const { src, tag, digest: wanted, ...attrs } = entry.attrs;
    if (!src) throw new BuildKitError("option_invalid", "A local cache to import needs src=DIR.");
    const directory = resolve(cwd, src);
    const found = await prepareLocalCacheImport(directory, { tag, digest: wanted });
    if ("reason" in found) skipped.push({ directory, reason: found.reason });
    else
      readyImports.push({
        type: "local",
        attrs: { ...attrs, src: use(directory, false), digest: found.digest },
      });
  }
  for (const entry of exports) {
    if (passes(entry)) {
      readyExports.push(entry);
      continue;
    }
    const { dest, tag, reset: _reset, ...attrs } = entry.attrs;
    if (!dest) throw new BuildKitError("option_invalid", "A local cache to export needs dest=DIR.");
    const directory = resolve(cwd, dest);
    toFinish.push({ directory, tag: tag || "latest" });
    readyExports.push({ type: "local", attrs: { ...attrs, dest: use(directory, true) } });
  }
  return {
    imports: readyImports,
    exports: readyExports,
    stores,
    skipped,
    async finish(exporterResponse, signal) {
      if (toFinish.length === 0) return;
      const descriptor = parseDescriptor(exporterResponse["cache.manifest"]);
      for (const { directory, tag } of toFinish)
        await finishLocalCacheExport(directory, descriptor, { tag, signal });
    },
  };
}

/** The digest of the cache's manifest in a directory: the given one, that of the tag, or that of the only entry. */
export async function prepareLocalCacheImport(
  directory: string,
  wanted: { readonly tag?: string | undefined; readonly digest?: string | undefined } = {},
): Promise<{ readonly digest: string } | { readonly reason: string }> {
  let digest = wanted.digest;
  if (digest === undefined || digest === "") {
    const manifests = await readStoreIndex(directory);
    if (manifests === undefined) return { reason: "there is no index.json" };
    const tag = wanted.tag || "latest";
    const only = wanted.tag === undefined && manifests.length === 1 ? manifests[0] : undefined;
    digest = (findInIndex(manifests, tag) ?? only)?.digest;
    if (digest === undefined) return { reason: `no entry has the tag ${tag}` };
  }
  if (digestHex(digest) === undefined) {
    throw new BuildKitError("option_invalid", `${JSON.stringify(digest)} is not a digest.`, {
      hint: "A digest is sha256: and 64 hexadecimal digits.",
    });
  }
  const info = await new BlobDirectory(directory).info(digest);
  return info === undefined ? { reason: `the manifest ${digest} is not there` } : { digest };
}

/** Puts the exported manifest under its tag. The blobs are in place already: a reader never finds less than a whole cache. */
export async function finishLocalCacheExport(
  directory: string,
  descriptor: Descriptor,
  options: { readonly tag?: string; readonly signal?: AbortSignal | undefined } = {},
): Promise<void> {
  await putInIndex(directory, descriptor, [{ tag: options.tag ?? "latest" }], options.signal);
}

function parseDescriptor(json: string | undefined): Descriptor {
  let value: unknown;
  try {
    value = JSON.parse(json ?? "null");
  } catch {
    value = undefined;
  }
  if (isDescriptor(value)) return value;
  throw new BuildKitError(
    "protocol_violation",
    "The engine exported a cache without saying what its manifest is.",
  );
}

/** A name for a directory that any header, attribute and progress line can carry. */
function storeName(directory: string): string {
  const label = basename(directory)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, 24);
  const hash = createHash("sha256").update(directory).digest("hex").slice(0, 12);
  return label === "" ? hash : `${label}-${hash}`;
}
