import {
  type BuildGraph,
  type BuildKitClient,
  BuildKitError,
  type CacheEntry,
  type ContextTree,
  type SessionService,
} from "../src/buildkit/index.js";
import { GalleyError, withDeadline } from "../src/errors/index.js";
import { readForgotten } from "./forgotten.js";
import { localEntry, solvableAgain, storeName } from "./layer-export.js";
import { lostOnes, recordsOf, sameKeys } from "./layer-records.js";
import { readStoredLayers } from "./layer-store.js";
import type { CachePlaces } from "./places.js";
import { type RegistryLayers, readRegistryLayers, writeRegistryLayers } from "./registry-record.js";
import { registryRef } from "./registry-ref.js";
import type { CacheScope } from "./scope.js";
import { solveAgain } from "./solve-again.js";

/** A registry for layers, as one build may use it: with the logins that the build's session has, and no others. */
export interface LayerRegistry {
  /** `host/path`, below which every repository has a name of its own. */
  readonly prefix: string;
  /** Whether the registry has something under a name. Rejects where that cannot be found out. */
  has(ref: string, signal: AbortSignal): Promise<boolean>;
  /** Pushes an image of the engine under this name. */
  push(image: string, ref: string, signal: AbortSignal): Promise<void>;
}

export interface RegistryBuild {
  readonly registry: LayerRegistry;
  readonly client: BuildKitClient;
  readonly scope: CacheScope;
  readonly service: string;
  readonly places: CachePlaces;
}

export interface RegistryExport extends RegistryBuild {
  readonly graph: BuildGraph;
  readonly build: string;
  readonly tree: ContextTree;
  readonly sharedKey: string;
  /** Id of what was built; undefined where that is no image of the engine. */
  readonly imageId?: string;
  /** That image carries its own cache. */
  readonly inline: boolean;
  readonly auth: SessionService;
  readonly keys: readonly string[];
  readonly refs: readonly string[];
  readonly changed: boolean;
  readonly began: number;
  readonly signal: AbortSignal;
}

export interface RegistryLayersOptions {
  /** The registry cannot be used for now: told once for as long as it is left alone. */
  readonly onAway: (registry: string, error: Error) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** A build does not wait for longer until a registry says whether it has something. */
const askMs = 5_000;
/** For as long a registry that could not be used is left alone: nobody waits for it with each build. */
const awayMs = 5 * 60_000;
/** Long enough for gigabytes; the engine has other things to do. */
const exportMs = 15 * 60_000;

const registryEntry = (ref: string): CacheEntry => ({ type: "registry", attrs: { ref } });

/** What of the layers of builds goes to a registry, and comes from there. What the registry does is never a reason for a build to fail. */
export function registryLayers({ onAway, now }: RegistryLayersOptions) {
  const awayUntil = new Map<string, number>();
  const isAway = ({ prefix }: LayerRegistry) => (awayUntil.get(prefix) ?? 0) > now();
  const leaveAlone = ({ prefix }: LayerRegistry, error: Error) => {
    awayUntil.set(prefix, now() + awayMs);
    onAway(prefix, error);
  };

  /** The image carries its own cache where nothing else can be exported. */
  const exportsOf = async ({ registry, client, scope }: RegistryBuild, signal: AbortSignal) => {
    if (scope.registry.own === undefined || isAway(registry)) return [];
    const { cacheExport, imageStore } = await client.features(signal);
    return !cacheExport && imageStore ? [{ type: "inline", attrs: {} }] : [];
  };

  /**
   * Layers in the registry of what the engine has lost, or never had: none where the engine has everything that went there from here.
   *
   * @throws the signal's reason alone
   */
  const importsOf = async (
    { registry, client, scope, service, places }: RegistryBuild,
    note: (text: string) => void,
    signal: AbortSignal,
  ): Promise<{ readonly refs: readonly string[]; readonly entries: readonly CacheEntry[] }> => {
    const none = { refs: [], entries: [] };
    if (isAway(registry)) return none;
    try {
      const names = scope.registry.readsFrom.map((name) => ({
        name,
        ref: registryRef(registry.prefix, scope.repoKey, name, service),
      }));
      const known = await Promise.all(
        names.map(({ name }) => readRegistryLayers(places.registryOf(name, service))),
      );
      const here = known.filter((one) => one !== undefined);
      const lost = await lostOnes(here, await readForgotten(places.root), client, signal);
      if (here.length > 0 && lost.length === 0) return none;
      const there = new Set(here.filter((one) => !lost.includes(one)).map(({ ref }) => ref));
      const limit = withDeadline(signal, askMs);
      const asked = await Promise.all(
        names.map(async ({ ref }) => (!there.has(ref) && (await registry.has(ref, limit)) ? [ref] : [])),
      );
      const refs = asked.flat();
      return { refs, entries: refs.map(registryEntry) };
    } catch (error) {
      signal.throwIfAborted();
      leaveAlone(registry, error as Error);
      note(`the layers of ${registry.prefix} are not used: ${(error as Error).message}`);
      return none;
    }
  };

  const store = async (options: RegistryExport): Promise<RegistryLayers | undefined> => {
    const { registry, client, scope, service, places, graph, build, keys, changed, began } = options;
    const { own } = scope.registry;
    if (own === undefined || isAway(registry)) return undefined;
    const ref = registryRef(registry.prefix, scope.repoKey, own, service);
    const before = await readRegistryLayers(places.registryOf(own, service));
    if (!changed && before?.ref === ref && sameKeys(before.keys, keys)) return undefined;
    const signal = withDeadline(options.signal, exportMs);
    const { cacheExport } = await client.features(signal);
    try {
      if (cacheExport) {
        if (!(await exportMax(options, ref, signal))) return undefined;
      } else {
        if (options.imageId === undefined || !options.inline) return undefined;
        await registry.push(options.imageId, ref, signal);
      }
    } catch (error) {
      options.signal.throwIfAborted();
      // BuildKit's own affair: the next build stores again.
      if (error instanceof GalleyError && error.code === "conflict") throw error;
      leaveAlone(registry, error as Error);
      return undefined;
    }
    const stored: RegistryLayers = {
      ...{ v: 1, service, scope: own, ref, mode: cacheExport ? "max" : "inline", build },
      storedAt: new Date(now()).toISOString(),
      records: await recordsOf(client, graph, began, signal),
      keys,
    };
    await writeRegistryLayers(places, stored);
    return stored;
  };

  return { leaveAlone, exportsOf, importsOf, store };
}

/** @returns false where this graph cannot be solved again */
async function exportMax(options: RegistryExport, ref: string, signal: AbortSignal): Promise<boolean> {
  const { graph, scope, service, places, keys, refs } = options;
  const again = solvableAgain(graph);
  if (!again) return false;
  const stored = await readStoredLayers(places.layersOf(scope.layers.own, service));
  const local = stored && sameKeys(stored.keys, keys) ? [localEntry(stored.manifest)] : [];
  await solveAgain(again, {
    ...options,
    stores: { [`local:${storeName}`]: { path: places.layers, writable: false } },
    imported: [...local, ...refs.map(registryEntry)],
    to: {
      type: "registry",
      attrs: { ref, mode: "max", compression: "zstd", "image-manifest": "true", "oci-mediatypes": "true" },
    },
    signal,
  });
  return true;
}

/** Something that a registry, and no step of the build, was the reason for. */
export function isRegistryFailure(error: unknown, { prefix }: LayerRegistry): boolean {
  if (!(error instanceof BuildKitError)) return false;
  const host = (prefix.split("/")[0] ?? prefix).replaceAll(/[.[\]]/g, "\\$&");
  const named = new RegExp(`(?<![\\w.-])${host}(?![\\w-])`);
  const suspect = /^(registry_.*|base_image_not_found|tag_not_found|solve_failed|export_failed)$/.test(
    error.code,
  );
  return suspect && named.test(`${error.message} ${String((error.cause as Error | undefined)?.message)}`);
}

export type RegistryLayersStore = Pick<ReturnType<typeof registryLayers>, "store">;
