import { type BuildKitClient, BuildKitError } from "../src/buildkit/index.js";
import { exportLayers, type LayerExportOptions } from "./layer-export.js";
import type { CachePlaces } from "./places.js";
import type { RegistryExport, RegistryLayersStore } from "./registry-layers.js";

export interface StoringOptions {
  /** Closed by us. */
  readonly connect: (signal: AbortSignal) => Promise<BuildKitClient>;
  /** Bytes that a repository may store. */
  readonly share: number;
  readonly registries: RegistryLayersStore;
  /** Something was stored. */
  readonly tidy: (places: CachePlaces) => Promise<void>;
  readonly log: { info(fields: object, message: string): void };
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/** Stores what a build has left in layers, when it has ended: each rejects with what the engine and the disk say. */
export function createStoring(options: StoringOptions) {
  const { connect, registries, tidy, log, signal } = options;
  const connected = async <T>(work: (client: BuildKitClient) => Promise<T>): Promise<T> => {
    const client = await connect(signal);
    try {
      return await work(client);
    } finally {
      client.close();
    }
  };
  /** BuildKit reads a context once for all builds that want it at that moment, from any of them: that one may end, and close it. */
  const twice = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof BuildKitError) || error.code === "disk_full" || signal.aborted) throw error;
      return await work();
    }
  };
  return {
    layers: async (kept: Omit<LayerExportOptions, "client" | "signal" | "share" | "now">): Promise<void> => {
      const stored = await connected((client) =>
        twice(() => exportLayers({ ...options, ...kept, client, signal })),
      );
      if (!stored) return;
      const { service, scope, blobs } = stored;
      const bytes = blobs.reduce((sum, { size }) => sum + size, 0);
      log.info({ repo: kept.scope.repoKey, service, scope, bytes }, "stored layers");
      await tidy(kept.places);
    },
    registry: async (kept: Omit<RegistryExport, "client" | "signal">): Promise<void> => {
      const stored = await connected((client) => twice(() => registries.store({ ...kept, client, signal })));
      if (!stored) return;
      const { ref, mode } = stored;
      log.info({ repo: kept.scope.repoKey, ref, mode }, "stored layers in a registry");
    },
  };
}
