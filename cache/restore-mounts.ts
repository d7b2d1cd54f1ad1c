import { mkdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BuildGraph, BuildKitClient, SessionService } from "../src/buildkit/index.js";
import { withDeadline } from "../src/errors/index.js";
import { listBuildRecords } from "./build-record.js";
import { chunkStore } from "./chunks.js";
import { findHelper } from "./helper.js";
import { type BuildMount, isOldEngine } from "./mount-keys.js";
import { openMount } from "./mount-process.js";
import { recordedMountId } from "./mount-record.js";
import { type CachePlaces, mountName } from "./places.js";
import type { CacheScope } from "./scope.js";
import type { SeenMounts } from "./seen-mounts.js";
import type { StepInputs } from "./step-inputs.js";
import { readArchive, readStoredMount, type StoredMount } from "./stored-mount.js";

export interface RestoreOptions {
  readonly mounts: readonly BuildMount[];
  readonly graph: BuildGraph;
  readonly scope: CacheScope;
  readonly places: CachePlaces;
  /** Builds beside this one need not ask the engine for what this one has found there, or filled. */
  readonly seen: SeenMounts;
  readonly client: BuildKitClient;
  readonly auth: SessionService;
  readonly inputs: Promise<ReadonlyMap<string, StepInputs>>;
  /** Keys of steps whose results BuildKit is given. */
  readonly imported: ReadonlySet<string>;
  readonly note: (text: string) => void;
  readonly signal: AbortSignal;
}

/** A mount that comes at less than this is slower than what it saves. */
const slowestBytesPerSecond = 10 * 1024 * 1024;
const leastMs = 20_000;

/**
 * Fills the mounts that are gone from BuildKit and were stored, and no others. Of a step whose result the engine still has for the same
 * inputs none is filled: it will not run.
 *
 * @returns ids of what was filled
 */
export async function restoreMounts(options: RestoreOptions): Promise<string[]> {
  const { mounts, scope, places, seen, client, graph, auth, signal } = options;
  const stored: { mount: BuildMount; kept: StoredMount | undefined; unfinished: boolean }[] = [];
  for (const mount of mounts) {
    if (seen.has(scope.namespace, mount.id)) continue;
    const kept = await firstStored(places, scope, mount.id);
    const unfinished = await isThere(fillingMark(places, scope, mount.id));
    if (kept || unfinished) stored.push({ mount, kept, unfinished });
  }
  if (stored.length === 0) return [];
  const missing = await missingOnes(stored, options);
  if (missing.length === 0) return [];
  const helper = await findHelper(auth);
  return await client.gateway(
    { services: helper.services, sharedKey: "galley-helper", signal },
    async (gateway) => {
      const filled: string[] = [];
      for (const { mount, kept, unfinished } of missing) {
        const [step] = mount.steps;
        if (step === undefined) continue;
        const opened = await openMount(gateway, await helper.load(gateway, graph, step), graph, mount.use);
        // An engine that does not list the ids of mounts is asked here.
        if (!unfinished && isOldEngine(client) && (await opened.fingerprint()) !== undefined) {
          seen.add(scope.namespace, mount.id);
          continue;
        }
        const mark = fillingMark(places, scope, mount.id);
        await mkdir(places.filling, { recursive: true });
        await writeFile(mark, "");
        try {
          if (unfinished) await opened.empty();
          if (kept) {
            const limitMs = Math.ceil(leastMs + (kept.content.bytes / slowestBytesPerSecond) * 1000);
            const archive = readArchive(kept, chunkStore(places.chunks));
            await opened.fill(until(archive, withDeadline(signal, limitMs)));
            filled.push(mount.id);
            seen.add(scope.namespace, mount.id);
          }
          await rm(mark, { force: true });
        } catch (error) {
          // A half filled mount is worse than an empty one. Where this fails, too, the mark says so to the next build.
          await opened.empty().then(
            () => rm(mark, { force: true }),
            () => {},
          );
          if (kept && (error as { code?: string }).code === "cache_damaged") await forget(kept, places);
          throw error;
        }
      }
      return filled;
    },
  );
}

/** Unless it was stored anew meanwhile, and what it was made of before is gone for that. */
async function forget({ scope, id, fingerprint }: StoredMount, places: CachePlaces): Promise<void> {
  const path = places.mount(scope, id);
  if ((await readStoredMount(path))?.fingerprint === fingerprint) await rm(path, { force: true });
}

async function* until(archive: AsyncIterable<Buffer>, signal: AbortSignal): AsyncGenerator<Buffer> {
  for await (const chunk of archive) {
    signal.throwIfAborted();
    yield chunk;
  }
}

async function firstStored(
  places: CachePlaces,
  scope: CacheScope,
  id: string,
): Promise<StoredMount | undefined> {
  for (const name of scope.readsFrom) {
    const found = await readStoredMount(places.mount(name, id));
    if (found && found.id === id) return found;
  }
  return undefined;
}

interface Candidate {
  readonly mount: BuildMount;
  readonly kept: StoredMount | undefined;
  readonly unfinished: boolean;
}

async function missingOnes(stored: readonly Candidate[], options: RestoreOptions): Promise<Candidate[]> {
  const { client, places, scope, seen, inputs, imported, signal } = options;
  // The one question of most builds. An engine measures what it tells of, which takes long where that is much.
  const filter = isOldEngine(client) ? undefined : stored.map(({ mount }) => mountFilter(mount.use.id));
  const there = new Set(filter ? (await client.diskUsage({ filter, signal })).map(recordedMountId) : []);
  const gone = stored.filter(
    ({ mount, unfinished }) => unfinished || isOldEngine(client) || !there.has(mount.use.id),
  );
  for (const one of stored) if (!gone.includes(one)) seen.add(scope.namespace, one.mount.id);
  if (gone.length === 0) return [];
  const keys = await inputs;
  const earlier = new Set(
    (await listBuildRecords(places.builds)).flatMap(({ built, steps }) =>
      built ? steps.map(({ key }) => key) : [],
    ),
  );
  const records = await client.diskUsage({ filter: ["type==regular"], signal });
  const results = records.map(({ description }) => description);
  const willBeCached = ({ digest, args }: BuildMount["steps"][number]) => {
    const key = keys.get(digest)?.key;
    if (key !== undefined && imported.has(key)) return true;
    // BuildKit describes the result of a step by its command (worker/base: `mount / from exec …`).
    return key !== undefined && earlier.has(key) && results.some((text) => text.includes(args.join(" ")));
  };
  return gone.filter(({ mount, unfinished }) => unfinished || !mount.steps.every(willBeCached));
}

/** Matches the record of the mount with this id, and possibly others. */
function mountFilter(id: string): string {
  const plain = /^[ !#-[\]-~]+$/.test(id);
  const end = ` with id "${id}"`.replace(/[.*+?^${}()|[\]]/g, "\\$&");
  return `type==exec.cachemount${plain ? `,description~=${JSON.stringify(`${end}$`)}` : ""}`;
}

/** Says that a mount is being filled: found later, it was not finished. */
const fillingMark = (places: CachePlaces, { namespace }: CacheScope, id: string) =>
  join(places.filling, mountName(`${namespace}\0${id}`));

const isThere = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  );
