import { setMaxListeners } from "node:events";
import type { BuildGraph, BuildKitClient } from "../src/buildkit/index.js";
import { abortAfter, orAborted } from "../src/errors/index.js";
import { AtRest } from "./at-rest.js";
import type { BeginOptions, BuildCaches } from "./build-caches.js";
import { type CacheBuildRecord, StepWatch, writeBuildRecord } from "./build-record.js";
import { createCollection, type KeptOn } from "./collection.js";
import { contextsOf } from "./context-record.js";
import { noteForgotten } from "./forgotten.js";
import { noteImageUses } from "./image-uses.js";
import { keepMount } from "./keep-mount.js";
import type { Keeper, Removed } from "./kept.js";
import { engineRecords } from "./kept-records.js";
import { importLayers, noLayers } from "./layer-import.js";
import { type BuildMount, keptMounts, withoutNamespace } from "./mount-keys.js";
import { Newest } from "./newest.js";
import { type CachePlaces, cachePlaces } from "./places.js";
import { isRegistryFailure, registryLayers } from "./registry-layers.js";
import { refreshIndex } from "./repository-index.js";
import { restoreMounts } from "./restore-mounts.js";
import { type CacheScope, inUse, requireOwnMounts } from "./scope.js";
import { SeenMounts } from "./seen-mounts.js";
import { stepInputs } from "./step-inputs.js";
import { createStoring } from "./storing.js";
import { Turns } from "./turns.js";

export interface CachesOptions {
  readonly dataDirectory: string;
  /** Bytes that all repositories may keep together. */
  readonly budget: number;
  /** Bytes that one of them may. */
  readonly share: number;
  /** A connection for what happens after a build; closed by us. */
  readonly connect: (signal: AbortSignal) => Promise<BuildKitClient>;
  /** Kinds of what the engine holds for us that are collected beside BuildKit's records. */
  readonly keepers?: readonly Keeper[];
  /** Something was removed to keep the budget, or because the disk is nearly full. */
  readonly onRemoved?: (removed: Removed) => void;
  /** All kinds were brought within their limits, and written down. */
  readonly onCollected?: () => void;
  readonly log: CacheLog;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds from the end of a build to the collection of all kinds, at most one in that time. Default: a minute. */
  readonly collectAfterMs?: number;
  /**
   * Milliseconds for which layers wait to be stored until nothing of their repository is being built, and the collection until nothing is built or
   * stored at all. Default: five minutes.
   */
  readonly restMs?: number;
}

export interface CacheLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** All caches of a data directory, as one process uses them. */
export interface Caches {
  begin(options: BeginOptions): BuildCaches;
  /** A deployment uses these images: they were used now. */
  usedImages(use: {
    readonly repoKey: string;
    /** Ids. */
    readonly images: readonly string[];
    readonly deployment: string;
  }): void;
  /** Brings everything that is kept within its limits, now. Never rejects. */
  collect(): Promise<void>;
  /** Resolves when everything that ended builds have left to do is done, but for a collection that is not due yet. */
  settled(): Promise<void>;
  /** Removes about so many bytes, used longest ago: of what is stored, then of what the engine holds for us, or of one of them. Never rejects. */
  makeRoom(bytes: number, of?: readonly KeptOn[]): Promise<void>;
  /** Writes down what ended builds have used, and gives up what else is left to do. */
  close(): Promise<void>;
}

/** Milliseconds that what is to be written down gets when the process ends. */
const notesMs = 5_000;

export function openCaches(options: CachesOptions): Caches {
  const { dataDirectory, log, now } = options;
  const over = new AbortController();
  // Records of many builds may be written down at once.
  setMaxListeners(0, over.signal);
  /** Namespaces with builds under way. */
  const busy = new Map<string, number>();
  const waiting = new Map<string, (() => Promise<void>)[]>();
  const filling = new Turns();
  const seen = new SeenMounts(now);
  const newest = new Newest();
  let last: Promise<void> = Promise.resolve();
  /** What is written down of ended builds: it takes no time, and is not given up. */
  const notes = new Set<Promise<void>>();
  /** What is stored of layers, and waits for that. */
  const stores = new Set<Promise<void>>();
  /**
   * BuildKit joins the steps of all that it solves at the same time. A graph that is solved once more beside another build of its repository is joined
   * with that one's, whose results are known by other keys, and what stands behind them is not found any more.
   */
  const restMs = options.restMs ?? 5 * 60_000;
  const rest = new AtRest((repo) => inUse([...busy.keys()], repo, "base"), restMs);

  const later = (what: string, work: () => Promise<void>) => {
    last = last.then(async () => {
      if (over.signal.aborted) return;
      try {
        await work();
      } catch (error) {
        if (!over.signal.aborted) log.warn({ error: (error as Error).message }, `${what} failed`);
      }
    });
    return last;
  };
  const writeDown = (what: string, work: () => Promise<void>) => {
    const note = work()
      .catch((error: unknown) => {
        if (!over.signal.aborted) log.warn({ error: (error as Error).message }, `${what} failed`);
      })
      .finally(() => notes.delete(note));
    notes.add(note);
  };
  const registries = registryLayers({
    onAway: (registry, error) =>
      log.warn(
        { registry, error: error.message },
        "layers neither go to the registry nor come from it for some minutes",
      ),
    now,
  });
  const collection = createCollection({
    ...options,
    engine: [...engineRecords(options), ...(options.keepers ?? [])],
    isBusy: ({ repo, scope }) => inUse([...busy.keys()], repo, scope),
    onRemoved: (removed) => {
      log.info(removed, "removed something that was kept");
      options.onRemoved?.(removed);
    },
    onFailed: (kind, error) =>
      log.warn({ kind, error: error.message }, "what is kept could not be collected"),
  });
  const collectAll = () =>
    later("collecting what is kept", async () => {
      await collection.all(over.signal);
      options.onCollected?.();
    });
  let due: NodeJS.Timeout | undefined;
  let dueSince: number | undefined;
  const collectLater = () => {
    if (over.signal.aborted) return;
    due ??= setTimeout(() => {
      due = undefined;
      dueSince ??= now();
      // Where records are pruned BuildKit may forget what builds have left, whose layers could not be stored then.
      if (busy.size + stores.size > 0 && now() - dueSince < restMs) return collectLater();
      dueSince = undefined;
      void collectAll();
    }, options.collectAfterMs ?? 60_000).unref();
  };
  const leave = ({ namespace, repoKey }: CacheScope) => {
    const left = (busy.get(namespace) ?? 1) - 1;
    if (left > 0) return void busy.set(namespace, left);
    busy.delete(namespace);
    seen.forget(namespace);
    rest.left(repoKey);
    for (const work of waiting.get(namespace)?.splice(0) ?? []) void later("storing cache mounts", work);
    waiting.delete(namespace);
  };
  const store = async (mounts: readonly BuildMount[], graph: BuildGraph, { scope, auth }: BeginOptions) => {
    const places = cachePlaces(dataDirectory, scope.repoKey);
    const client = await options.connect(over.signal);
    try {
      for (const mount of mounts) {
        const { signal } = over;
        const kept = await keepMount({ ...options, mount, graph, scope, places, client, auth, signal });
        if (kept) log.info({ repo: scope.repoKey, mount: mount.id, ...kept }, "stored a cache mount");
      }
    } finally {
      client.close();
    }
    await tidy(places);
  };
  const tidy = async (places: CachePlaces) => {
    await refreshIndex(places, over.signal);
    await collection.stored(over.signal);
  };
  const storing = createStoring({ ...options, registries, tidy, signal: over.signal });

  return {
    begin(build) {
      const { scope, tree, note } = build;
      const { namespace } = scope;
      const places = cachePlaces(dataDirectory, scope.repoKey);
      busy.set(namespace, (busy.get(namespace) ?? 0) + 1);
      const began = now();
      const watch = new StepWatch();
      let graph: BuildGraph | undefined;
      let inputs: ReturnType<typeof stepInputs> | undefined;
      let restored: readonly string[] = [];
      let layers = noLayers;
      let ended = false;
      return {
        async layers() {
          const signal = AbortSignal.any([build.signal, over.signal]);
          const { registry } = build;
          try {
            if (registry)
              layers = {
                ...layers,
                exports: await registries.exportsOf({ ...build, registry, places }, signal),
              };
            if (!build.useCache) return layers;
            const found = await importLayers({ ...build, places, signal });
            layers = { ...found, exports: layers.exports };
            if (layers.there.size > 0) return layers;
            if (found.scopes.length > 0) note(`stored layers are at hand: ${found.scopes.join(", ")}`);
            else if (registry) {
              const given = await registries.importsOf({ ...build, registry, places }, note, signal);
              if (given.refs.length > 0) note(`layers are at hand in a registry: ${given.refs.join(", ")}`);
              layers = { ...layers, ...given };
            }
          } catch (error) {
            build.signal.throwIfAborted();
            const why = (error as Error).message;
            log.warn({ repo: scope.repoKey, error: why }, "stored layers are not used");
            note(`stored layers are not used: ${why}`);
          }
          return layers;
        },
        async onGraph(told) {
          requireOwnMounts(told, scope);
          graph = told;
          const signal = AbortSignal.any([build.signal, over.signal]);
          inputs = stepInputs(told, tree, signal);
          inputs.catch(() => {}); // it is asked for again below
          const mounts = keptMounts(told, scope, build.client);
          if (!build.useCache || mounts.length === 0) return;
          try {
            const known = inputs;
            // Services of one commit want the same mounts at the same time: the first one fills them, and the others find them there.
            restored = await filling.take(namespace, signal, () =>
              restoreMounts({
                ...build,
                mounts,
                graph: told,
                places,
                seen,
                inputs: known,
                imported: layers.keys,
                signal,
              }),
            );
            if (restored.length > 0)
              note(`cache mounts were filled from what was stored: ${restored.join(", ")}`);
          } catch (error) {
            build.signal.throwIfAborted();
            const why = (error as Error).message;
            log.warn({ repo: scope.repoKey, error: why }, "stored cache mounts are not used");
            note(`stored cache mounts are not used: ${why}`);
          }
        },
        onStatus: (status) => watch.status(status),
        withoutRegistry(error) {
          const { registry } = build;
          const blamed =
            registry !== undefined &&
            layers.refs.length > 0 &&
            !build.signal.aborted &&
            isRegistryFailure(error, registry);
          if (!blamed) return false;
          registries.leaveAlone(registry, error as Error);
          note(
            `the registry's layers could not be read, and the build goes on without them: ${(error as Error).message}`,
          );
          layers = { ...layers, refs: [], entries: [] };
          return true;
        },
        async end(built) {
          if (ended) return;
          ended = true;
          const own: Promise<void>[] = [];
          const whole = graph;
          if (whole && inputs) {
            const known = inputs;
            writeDown("recording a build", async () => {
              const inputsOf = await known;
              const record: CacheBuildRecord = {
                v: 1,
                id: build.build,
                service: build.service,
                scope: scope.own,
                at: new Date(began).toISOString(),
                took: Math.max(0, now() - began),
                built: built !== undefined,
                steps: watch.records(whole, inputsOf, (id) => withoutNamespace(id, scope)),
                contexts: contextsOf(whole, scope),
                restored,
                layers: layers.scopes,
                registry: layers.refs,
                layerScope: scope.layers.own,
              };
              await writeBuildRecord(places.builds, record);
              const forgot = whole.steps.some(
                ({ digest, kind }) =>
                  kind === "exec" && watch.ran(digest) && layers.there.has(inputsOf.get(digest)?.key ?? ""),
              );
              if (forgot) await noteForgotten(places.root, began);
              await refreshIndex(places, over.signal);
            });
            const ran = whole.steps.some(({ digest }) => watch.ran(digest));
            const put = (kind: string, what: string, work: (keys: readonly string[]) => Promise<void>) => {
              const name = [kind, scope.repoKey, scope.layers.own, build.service].join("\0");
              const keyed = async () => work([...(await known).values()].map(({ key }) => key));
              const queued = async (turn: () => Promise<void>) => {
                await rest.wait(scope.repoKey);
                await later(what, turn);
              };
              const stored = newest.put(name, keyed, queued).finally(() => stores.delete(stored));
              stores.add(stored);
              own.push(stored);
            };
            if (built && options.share > 0)
              put("layers", "storing layers", (keys) =>
                storing.layers({
                  ...{ ...build, ...built, graph: whole, places, keys },
                  ...{ imported: layers.entries, changed: ran, began },
                }),
              );
            const { registry } = build;
            if (built && registry && scope.registry.own !== undefined)
              put("registry", "storing layers in the registry", (keys) =>
                storing.registry({
                  ...{ ...build, ...built, registry, graph: whole, places, keys },
                  ...{ refs: layers.refs, inline: layers.exports.length > 0, changed: ran, began },
                }),
              );
            const changed =
              built && options.share > 0
                ? keptMounts(whole, scope, build.client).filter(({ steps }) =>
                    steps.some(({ digest }) => watch.ran(digest)),
                  )
                : [];
            if (changed.length > 0)
              waiting.set(namespace, [...(waiting.get(namespace) ?? []), () => store(changed, whole, build)]);
          }
          leave(scope);
          collectLater();
          await Promise.all([inputs?.catch(() => {}), layers.close().catch(() => {}), ...own]);
        },
      };
    },
    usedImages(use) {
      const at = new Date(now()).toISOString();
      writeDown("noting which images are used", () =>
        noteImageUses(dataDirectory, { ...use, at }, over.signal),
      );
    },
    async collect() {
      void collectAll();
      await last;
    },
    async settled() {
      for (let before: unknown; before !== last || notes.size + stores.size > 0; ) {
        before = last;
        await Promise.all([last, ...notes, ...stores]);
      }
    },
    async makeRoom(bytes, of) {
      void later("making room on the disk", async () => {
        await collection.makeRoom(bytes, over.signal, of);
      });
      await last;
    },
    async close() {
      clearTimeout(due);
      await orAborted(Promise.all(notes), abortAfter(notesMs)).catch(() => {});
      over.abort();
      rest.close();
      await Promise.all([last, ...notes, ...stores]);
    },
  };
}
