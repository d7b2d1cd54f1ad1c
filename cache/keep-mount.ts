import type { BuildGraph, BuildKitClient, SessionService } from "../src/buildkit/index.js";
import { chunkStore } from "./chunks.js";
import { findHelper } from "./helper.js";
import type { BuildMount } from "./mount-keys.js";
import { openMount } from "./mount-process.js";
import type { CachePlaces } from "./places.js";
import { withLock } from "./repository-lock.js";
import type { CacheScope } from "./scope.js";
import { mostUnpacked, readStoredMount, storeArchive, writeStoredMount } from "./stored-mount.js";
import { sweep } from "./stored-sweep.js";

export interface KeepOptions {
  readonly mount: BuildMount;
  readonly graph: BuildGraph;
  readonly scope: CacheScope;
  readonly places: CachePlaces;
  readonly client: BuildKitClient;
  readonly auth: SessionService;
  /** Bytes that the repository may store. */
  readonly share: number;
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/**
 * Stores a cache mount as it is now; only what is new in it is written. Nothing happens when it is empty, as it was stored, or changes
 * while it is read: then another build uses it, and stores it at its end.
 */
export async function keepMount(
  options: KeepOptions,
): Promise<{ readonly bytes: number; readonly written: number } | undefined> {
  const { mount, graph, scope, places, client, auth, share, now, signal } = options;
  const [step] = mount.steps;
  if (step === undefined) return undefined;
  const helper = await findHelper(auth);
  return await client.gateway(
    { services: helper.services, sharedKey: "galley-helper", signal },
    async (gateway) => {
      const opened = await openMount(gateway, await helper.load(gateway, graph, step), graph, mount.use);
      const fingerprint = await opened.fingerprint(mostUnpacked(share));
      if (fingerprint === undefined) return undefined;
      for (const name of scope.readsFrom)
        if ((await readStoredMount(places.mount(name, mount.id)))?.fingerprint === fingerprint)
          return undefined;
      return await withLock(places.lock, signal, async () => {
        const archive = opened.archive(signal);
        const stored = await storeArchive(archive, chunkStore(places.chunks), share).catch(async (error) => {
          // Half an archive is nothing; on a full disk its place is wanted at once.
          await sweep(places).catch(() => {});
          throw error;
        });
        if ((await opened.fingerprint()) !== fingerprint) return undefined;
        await writeStoredMount(places.mount(scope.own, mount.id), {
          v: 1,
          id: mount.id,
          scope: scope.own,
          fingerprint,
          storedAt: new Date(now()).toISOString(),
          content: stored.content,
          chunks: stored.chunks,
        });
        // What it was made of before, and what a process has left that was killed half-way.
        await sweep(places);
        return { bytes: stored.content.bytes, written: stored.written };
      });
    },
  );
}
