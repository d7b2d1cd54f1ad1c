import { readdirSync, readFileSync, statSync } from "node:fs";
import { readdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import {
  type CacheBuildRecord,
  listBuildRecords,
  mostBuildRecords,
  trimBuildRecords,
} from "./build-record.js";
import { chunkStore } from "./chunks.js";
import { type IndexSums, sumsIn, sumsOf } from "./index-sums.js";
import { type CachePlaces, mountName } from "./places.js";
import { replaceFile } from "./replace-file.js";
import { withLock } from "./repository-lock.js";
import { listStoredMounts, type StoredMount } from "./stored-mount.js";

/** What is kept for a repository, at a glance. Everything in it can be found again from what it speaks of. */
export interface RepositoryIndex {
  readonly v: 1;
  readonly repoKey: string;
  /** Bytes on disk of all stored mounts together: they share what they have in common. */
  readonly storedBytes: number;
  readonly mounts: readonly IndexedMount[];
  /** The newest first. */
  readonly builds: readonly IndexedBuild[];
}

export interface IndexedMount {
  /** Names it in commands. */
  readonly name: string;
  readonly id: string;
  readonly scope: string;
  /** Bytes, unpacked. */
  readonly size: number;
  readonly entries: number;
  readonly storedAt: string;
  readonly lastUsedAt: string;
  /** The last builds that used it. */
  readonly usedBy: readonly string[];
  /** Milliseconds that the steps which use it took when they last ran without it being there: what it would cost to lose. Null: not known. */
  readonly cost: number | null;
}

export interface IndexedBuild {
  readonly id: string;
  readonly service: string;
  readonly scope: string;
  readonly at: string;
  readonly took: number;
  readonly built: boolean;
  readonly steps: number;
  readonly cached: number;
  /** Ids of the cache mounts that it has used. */
  readonly mounts: readonly string[];
  /** Paths of the contexts that it has used. */
  readonly contexts: readonly string[];
}

const usersKept = 10;

/** Undefined where nothing is kept. An index that is missing, damaged or older than what it speaks of is made again from what is there. */
export async function readIndex(places: CachePlaces): Promise<RepositoryIndex | undefined> {
  const text = textOf(places);
  if (text !== undefined) {
    const index = parse(text, places);
    if (index) return index;
  }
  const made = await makeIndex(places);
  return made.mounts.length + made.builds.length === 0 && text === undefined ? undefined : made;
}

/** The same, of which only the sums are wanted. */
export async function readSums(places: CachePlaces): Promise<IndexSums | undefined> {
  const sums = sumsIn(textOf(places) ?? "", basename(places.directory));
  if (sums) return sums;
  const index = await readIndex(places);
  return index && sumsOf(index);
}

/** The file, if it is there and no older than what it speaks of. */
function textOf(places: CachePlaces): string | undefined {
  try {
    return isStale(places) ? undefined : readFileSync(places.index, "utf8");
  } catch {
    return undefined;
  }
}

/**
 * Something was written or removed since, and whoever did it was killed before it could say so, or had no room on the disk. Files are looked at
 * without the thread pool: for the few microseconds that each takes, a repository among hundreds would wait ten times as long for its turn.
 */
function isStale(places: CachePlaces): boolean {
  const changedAt = (path: string) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const written = changedAt(places.index);
  if (changedAt(places.builds) > written) return true;
  const mounts = places.mounts("");
  if (changedAt(mounts) === 0) return false;
  return readdirSync(mounts, { withFileTypes: true }).some(
    (entry) => entry.isDirectory() && changedAt(places.mounts(entry.name)) > written,
  );
}

/** Makes the index anew and writes it. */
export async function refreshIndex(places: CachePlaces, signal: AbortSignal): Promise<RepositoryIndex> {
  return await withLock(`${places.lock}-index`, signal, async () => {
    const index = await makeIndex(places);
    await removeHalves(places);
    await replaceFile(places.index, JSON.stringify({ sums: sumsOf(index), ...index }));
    return index;
  });
}

/** What was being written when its process was killed: whoever has the lock is the only one who writes. */
async function removeHalves({ index, directory }: CachePlaces): Promise<void> {
  const start = `${basename(index)}.`;
  for (const name of await readdir(directory).catch(() => []))
    if (name.startsWith(start) && name.endsWith(".tmp")) await rm(join(directory, name), { force: true });
}

async function makeIndex(places: CachePlaces): Promise<RepositoryIndex> {
  const [mounts, all, chunks] = await Promise.all([
    listStoredMounts(`${places.directory}/mounts`),
    listBuildRecords(places.builds),
    chunkStore(places.chunks).list(),
  ]);
  const records = all.slice(0, mostBuildRecords);
  if (all.length > records.length)
    await trimBuildRecords(places.builds, new Set(records.map(({ id }) => id)));
  let storedBytes = 0;
  for (const { bytes } of chunks.values()) storedBytes += bytes;
  return {
    v: 1,
    repoKey: basename(places.directory),
    storedBytes,
    mounts: mounts.map(({ stored }) => indexMount(stored, records)),
    builds: records.map(({ id, service, scope, at, took, built, steps, contexts = [] }) => ({
      id,
      service,
      scope,
      at,
      took,
      built,
      steps: steps.length,
      cached: steps.filter((step) => step.cached).length,
      mounts: [...new Set(steps.flatMap((step) => step.mounts))],
      contexts,
    })),
  };
}

function indexMount(stored: StoredMount, records: readonly CacheBuildRecord[]): IndexedMount {
  const { id, scope, content, storedAt } = stored;
  const users = records.filter(
    (record) => record.scope === scope && record.steps.some(({ mounts }) => mounts.includes(id)),
  );
  const lastUsedAt = users[0] && users[0].at > storedAt ? users[0].at : storedAt;
  // The first one that ran its steps began with nothing in it.
  const cold = users
    .flatMap(({ steps, restored }) =>
      steps.filter(({ mounts, cached }) => !cached && mounts.includes(id) && !restored.includes(id)),
    )
    .map(({ took }) => took);
  return {
    name: mountName(`${scope}\0${id}`),
    id,
    scope,
    size: content.bytes,
    entries: content.entries,
    storedAt,
    lastUsedAt,
    usedBy: users.slice(0, usersKept).map((record) => record.id),
    cost: cold.length > 0 ? Math.max(...cold) : null,
  };
}

function parse(text: string, places: CachePlaces): RepositoryIndex | undefined {
  try {
    const value = Object(JSON.parse(text)) as Partial<RepositoryIndex>;
    const { v, repoKey, storedBytes, mounts, builds } = value;
    delete (value as { sums?: unknown }).sums;
    if (v !== 1 || repoKey !== basename(places.directory) || typeof storedBytes !== "number")
      return undefined;
    return Array.isArray(mounts) && Array.isArray(builds) ? (value as RepositoryIndex) : undefined;
  } catch {
    return undefined;
  }
}
