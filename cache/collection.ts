import { collect } from "./collect.js";
import { writeEngineKept } from "./engine-kept.js";
import type { Keeper, Kept, Removed } from "./kept.js";
import { storedLayers } from "./kept-layers.js";
import { storedMounts } from "./kept-mounts.js";

export interface CollectionOptions {
  readonly dataDirectory: string;
  /** Bytes that all repositories may keep together. */
  readonly budget: number;
  /** Bytes that one of them may. */
  readonly share: number;
  /** Kinds that the engine holds for us. */
  readonly engine: readonly Keeper[];
  /** A build that is under way may use it. */
  readonly isBusy: (item: Kept) => boolean;
  readonly onRemoved: (removed: Removed) => void;
  readonly onFailed: (kind: string, error: Error) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** What is stored in the data directory, or what the engine holds: they may lie on different disks. */
export type KeptOn = "stored" | "engine";

export interface Collection {
  /** Brings what is stored within its limits. Asks no engine. */
  stored(signal: AbortSignal): Promise<void>;
  /** Brings everything within its limits, and writes down what the engine holds. */
  all(signal: AbortSignal): Promise<void>;
  /** Removes about so many bytes, of what is stored before what the engine holds; or of one of them alone. */
  makeRoom(bytes: number, signal: AbortSignal, of?: readonly KeptOn[]): Promise<void>;
}

export function createCollection(options: CollectionOptions): Collection {
  const { dataDirectory, budget, share, engine, now } = options;
  const own: readonly Keeper[] = [storedMounts(dataDirectory), storedLayers(dataDirectory)];
  const run = (keepers: readonly Keeper[], signal: AbortSignal, spare = 0) =>
    collect({ ...options, keepers, budget, share, spare, signal });
  const bytesOf = (removed: readonly Removed[]) => removed.reduce((sum, { freed }) => sum + freed, 0);
  return {
    stored: async (signal) => void (await run(own, signal)),
    all: async (signal) => {
      // Who keeps nothing keeps nothing on disk; an engine without its cache mounts would only be slow.
      const { left } = await run(budget > 0 ? [...own, ...engine] : own, signal);
      const kept = left.filter(({ kind }) => engine.some((keeper) => keeper.kind === kind));
      await writeEngineKept(dataDirectory, {
        at: new Date(now()).toISOString(),
        kept: kept.flatMap(({ items }) => items),
      });
    },
    makeRoom: async (bytes, signal, of = ["stored", "engine"]) => {
      const removed = of.includes("stored") ? (await run(own, signal, bytes)).removed : [];
      const wanted = bytes - bytesOf(removed);
      if (wanted > 0 && budget > 0 && of.includes("engine")) await run(engine, signal, wanted);
    },
  };
}
