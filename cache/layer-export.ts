import type {
  BuildGraph,
  BuildKitClient,
  CacheEntry,
  ContextTree,
  SessionService,
  SolvedAgain,
} from "../src/buildkit/index.js";
import { GalleyError, withDeadline } from "../src/errors/index.js";
import { recordsOf, sameKeys } from "./layer-records.js";
import {
  blobsOf,
  readStoredLayers,
  type StoredLayers,
  sweepLayers,
  writeStoredLayers,
} from "./layer-store.js";
import type { CachePlaces } from "./places.js";
import { withLock } from "./repository-lock.js";
import type { CacheScope } from "./scope.js";
import { solveAgain } from "./solve-again.js";

export interface LayerExportOptions {
  readonly client: BuildKitClient;
  readonly graph: BuildGraph;
  readonly scope: CacheScope;
  readonly service: string;
  readonly build: string;
  /** The build's context, open for as long as this takes, and the name of what the engine keeps of it. */
  readonly tree: ContextTree;
  readonly sharedKey: string;
  readonly places: CachePlaces;
  /** Base images may have to be read from their registry. */
  readonly auth: SessionService;
  /** Bytes that the repository may store. */
  readonly share: number;
  /** Of the build's steps. */
  readonly keys: readonly string[];
  /** The stored layers that the build was given: an engine need not have read all of them. */
  readonly imported: readonly CacheEntry[];
  /** A step has run: there is something new to store. */
  readonly changed: boolean;
  /** Milliseconds since 1970, before the build. */
  readonly began: number;
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/** The name of the store that is served to BuildKit; a person sees it in its logs. */
export const storeName = "galley-layers";
/** Long enough for tens of gigabytes; the engine has other things to do. */
const limitMs = 15 * 60_000;

/** For a solve that is served the layers of a repository under that name. */
export const localEntry = (digest: string): CacheEntry => ({
  type: "local",
  attrs: { src: storeName, digest },
});

/**
 * Stores the layers of a build that has just ended: the same graph is solved once more, of which every step is cached, and its cache
 * exported. A step that would have to run ends it: then the engine has forgotten the build already.
 *
 * @returns undefined when there is nothing to store, or the engine cannot
 * @throws GalleyError cache_too_large, and what the engine and the disk say; what was stored before stays whole
 */
export async function exportLayers(options: LayerExportOptions): Promise<StoredLayers | undefined> {
  const { client, graph, scope, service, build, places, share, keys, changed, began, now } = options;
  const signal = withDeadline(options.signal, limitMs);
  const again = solvableAgain(graph);
  if (!again || !(await client.features(signal)).cacheExport) return undefined;
  const { own } = scope.layers;
  return await withLock(places.lock, signal, async () => {
    const before = await readStoredLayers(places.layersOf(own, service));
    if (!changed && before && sameKeys(before.keys, keys)) return undefined;
    try {
      const manifest = await exportOnce(options, again, signal);
      const blobs = await blobsOf(places.layers, manifest);
      if (blobs === undefined)
        throw new GalleyError(
          "engine_error",
          "BuildKit has exported layers without a manifest that can be read.",
        );
      if (blobs.reduce((sum, { size }) => sum + size, 0) > share) throw tooLarge(share);
      const stored: StoredLayers = {
        v: 1,
        service,
        scope: own,
        build,
        storedAt: new Date(now()).toISOString(),
        manifest,
        blobs,
        records: await recordsOf(client, options.graph, began, signal),
        keys,
      };
      await writeStoredLayers(places, stored);
      return stored;
    } finally {
      // What another build's layers were made of, and half of what could not be written: on a full disk its place is wanted at once.
      await sweepLayers(places);
    }
  });
}

/** Undefined for a graph of several results, and for one with a named context: that is nothing that can be served here. */
export function solvableAgain({ again, steps }: BuildGraph): SolvedAgain | undefined {
  const foreign = steps.some(
    ({ source, context }) => source?.startsWith("local://") && context === undefined,
  );
  return foreign ? undefined : again;
}

async function exportOnce(
  options: LayerExportOptions,
  again: SolvedAgain,
  signal: AbortSignal,
): Promise<string> {
  const { places, share } = options;
  const store = { path: places.layers, writable: true, most: share };
  const to: CacheEntry = {
    type: "local",
    attrs: {
      dest: storeName,
      mode: "max",
      compression: "zstd",
      "image-manifest": "true",
      "oci-mediatypes": "true",
    },
  };
  try {
    const stores = { [`local:${storeName}`]: store };
    const response = await solveAgain(again, { ...options, stores, to, signal });
    const manifest = response["cache.manifest"];
    if (manifest === undefined) throw new GalleyError("conflict", "BuildKit has found nothing to export.");
    const { digest } = Object(JSON.parse(manifest)) as { digest?: unknown };
    return String(digest);
  } catch (error) {
    if (String((error as Error).message).includes("bytes that this store takes")) throw tooLarge(share);
    throw error;
  }
}

const tooLarge = (share: number) =>
  new GalleyError(
    "cache_too_large",
    `The layers take more than the ${share} bytes that their repository may store.`,
  );
