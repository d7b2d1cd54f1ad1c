import type { BuildGraph, BuildKitClient, SessionService } from "../src/buildkit/index.js";
import { chunkStore } from "./chunks.js";
import { findHelper } from "./helper.js";
import type { BuildMount } from "./mount-keys.js";
import { openMount } from "./mount-process.js";
import type { CachePlaces } from "./places.js";
import { withLock } from "./repository-lock.js";
import type { CacheScope } from "./scope.js";
import { storeMount } from "./store-mount.js";
import { mostUnpacked, readStoredMount, type StoredMount, writeStoredMount } from "./stored-mount.js";
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
 * Stores a cache mount as it is now; only what is new in it is read and written. Nothing happens when it is empty, as it was stored, or changes
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
      const known: StoredMount[] = [];
      for (const name of scope.readsFrom) {
        const one = await readStoredMount(places.mount(name, mount.id));
        if (one?.fingerprint === fingerprint) return undefined;
        if (one) known.push(one);
      }
      return await withLock(places.lock, signal, async () => {
        const chunks = chunkStore(places.chunks);
        const stored = await storeMount(opened, known[0], chunks, share, signal).catch(async (error) => {
          // Half an archive is nothing; on a full disk its place is wanted at once.
          await sweep(places).catch(() => {});
          throw error;
        });
        const { written, ...contents } = stored;
        if ((await opened.fingerprint()) !== fingerprint) return undefined;
        await writeStoredMount(places.mount(scope.own, mount.id), {
          v: 1,
          id: mount.id,
          scope: scope.own,
          fingerprint,
          storedAt: new Date(now()).toISOString(),
          ...contents,
        });
        // What it was made of before, and what a process has left that was killed half-way.
        await sweep(places);
        return { bytes: contents.content.bytes, written };
      });
    },
  );
}
