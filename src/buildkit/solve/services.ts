import { prepareCaches } from "../content/local-cache.js";
import { type ContentDirectory, createContentStore } from "../content/service.js";
import { BuildKitError } from "../errors.js";
import { prepareLayoutExports } from "../export/layout-exports.js";
import { createExportReceiver } from "../export/receiver.js";
import { createFileSync } from "../fsutil/file-sync.js";
import type { SessionService } from "../session/index.js";
import { treesServed } from "./context-name.js";
import type { CacheEntry, SolveOptions, SolveResult } from "./types.js";

/** What one solve serves on its session, and what is left to do when it has ended. */
export interface SolveServices {
  readonly services: readonly SessionService[];
  readonly cacheImports: readonly CacheEntry[];
  readonly cacheExports: readonly CacheEntry[];
  /** What was sent of the trees so far. */
  sent(): SolveResult["sent"];
  /** The first failure on this machine: it says more than what the daemon makes of it. */
  failure(): BuildKitError | undefined;
  /** The solve has succeeded: puts received exports and caches in place. */
  complete(exporterResponse: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<void>;
  /** The solve has failed and its session is closed: removes what was received. */
  discard(): Promise<void>;
}

/** @throws BuildKitError option_invalid, context_invalid for caches and exports that cannot be served */
export async function solveServices(options: SolveOptions): Promise<SolveServices> {
  const exports = options.exports ?? [];
  const served = options.stores ?? {};
  const caches = await prepareCaches(options.cacheImports ?? [], options.cacheExports ?? [], { served });
  for (const { directory, reason } of caches.skipped) options.onCacheSkipped?.(directory, reason);
  const layouts = prepareLayoutExports(exports);
  const stores: Record<string, ContentDirectory> = {
    ...served,
    ...caches.stores,
    ...layouts.stores,
  };
  const content = Object.keys(stores).length === 0 ? undefined : createContentStore(stores);
  const receiver = createExportReceiver(exports);
  let unreadable: BuildKitError | undefined;
  let sent = { files: 0, bytes: 0 };
  const fileSync = createFileSync(treesServed(options.trees ?? {}, options.contextName), {
    onProgress: ({ files, bytes }) => {
      sent = { files, bytes };
    },
    onError: (error) => {
      if (error instanceof BuildKitError) unreadable ??= error;
    },
  });
  return {
    services: [fileSync, receiver, ...(content === undefined ? [] : [content]), ...(options.services ?? [])],
    cacheImports: caches.imports,
    cacheExports: caches.exports,
    sent: () => sent,
    failure: () => unreadable ?? receiver.failure ?? content?.failure,
    async complete(exporterResponse, signal) {
      await receiver.complete(signal);
      await layouts.finish(exporterResponse, signal);
      await caches.finish(exporterResponse, signal);
    },
    discard: () => receiver.discard(),
  };
}
