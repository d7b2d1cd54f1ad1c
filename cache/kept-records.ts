import { join } from "node:path";
import type { BuildKitClient, UsageRecord } from "../src/buildkit/index.js";
import { contextRecord, contextRecordsFilter } from "./context-record.js";
import { noteForgotten } from "./forgotten.js";
import type { Keeper, Kept, KeptHere } from "./kept.js";
import { mountRecord, mountRecordsFilter } from "./mount-record.js";
import type { IndexedBuild, RepositoryIndex } from "./repository-index.js";
import { readIndexes } from "./stored-sweep.js";

/** Milliseconds that an agent may still be busy with a mount after the last build that used it, as it compares and stores it. */
const afterBuildMs = 3_600_000;
const usersKept = 10;

/** What a record is, and whose. */
interface Owned {
  readonly repo: string;
  readonly scope: string;
  readonly what: string;
}

/** One kind of BuildKit's records that say whose they are. */
interface RecordKind {
  readonly kind: "record" | "context";
  filter(repoKeys: readonly string[]): string | undefined;
  owner(record: UsageRecord): Owned | undefined;
  /** What of this kind a build has used. An index of an earlier version does not say it. */
  usedBy(build: IndexedBuild): readonly string[] | undefined;
  /** Milliseconds. */
  cost(index: RepositoryIndex, owned: Owned): number | null;
}

export const mountRecords: RecordKind = {
  kind: "record",
  filter: mountRecordsFilter,
  owner: (record) => {
    const found = mountRecord(record);
    return found && { ...found, what: found.id };
  },
  usedBy: (build) => build.mounts,
  cost: (index, { what, scope }) =>
    index.mounts.find((mount) => mount.id === what && mount.scope === scope)?.cost ?? null,
};

export const contextRecords: RecordKind = {
  kind: "context",
  filter: contextRecordsFilter,
  owner: (record) => {
    const found = contextRecord(record);
    return found && { ...found, what: found.path };
  },
  usedBy: (build) => build.contexts,
  // The next build sends all of it, and runs no step again for that.
  cost: () => null,
};

export interface EngineRecordsOptions {
  readonly dataDirectory: string;
  /** Closed by us. */
  readonly connect: (signal: AbortSignal) => Promise<BuildKitClient>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/**
 * BuildKit's records of cache mounts and contexts of the repositories of a data directory. No other record says whose it is. Several agents on
 * one engine share those of a repository that they both build: what we have not used, or another one later than we, is not ours to remove.
 */
export const engineRecords = (options: EngineRecordsOptions): Keeper[] =>
  [mountRecords, contextRecords].map((kind) => recordsOf(kind, options));

function recordsOf(kind: RecordKind, { dataDirectory, connect, now }: EngineRecordsOptions): Keeper {
  const connected = async <T>(
    signal: AbortSignal,
    work: (client: BuildKitClient) => Promise<T>,
  ): Promise<T> => {
    const client = await connect(signal);
    try {
      return await work(client);
    } finally {
      client.close();
    }
  };
  return {
    kind: kind.kind,
    list: async (signal) => {
      const indexes = await readIndexes(dataDirectory);
      const filter = kind.filter([...indexes.keys()]);
      if (filter === undefined) return [];
      const records = await connected(signal, (client) => client.diskUsage({ filter: [filter], signal }));
      return recordsByRepository(records, indexes, kind);
    },
    remove: ({ name }, signal) =>
      connected(signal, async (client) => {
        // One that a build has begun to use meanwhile is left there by BuildKit.
        const { records, reclaimedBytes } = await client.prune({ filter: [`id==${name}`], signal });
        if (records.length > 0 && (await client.features(signal)).store === "containerd")
          await noteForgotten(join(dataDirectory, "cache"), now());
        return records.length === 0 ? undefined : reclaimedBytes;
      }),
  };
}

export function recordsByRepository(
  records: readonly UsageRecord[],
  indexes: ReadonlyMap<string, RepositoryIndex>,
  kind: RecordKind,
): KeptHere[] {
  const found = new Map<string, Kept[]>();
  for (const record of records) {
    const owned = kind.owner(record);
    const index = owned && indexes.get(owned.repo);
    const item = index && keptRecord(record, owned, index, kind);
    if (item) found.set(item.repo, [...(found.get(item.repo) ?? []), item]);
  }
  return [...found].map(([repo, items]) => ({
    repo,
    kind: kind.kind,
    bytes: items.reduce((sum, { size }) => sum + size, 0),
    items,
  }));
}

/** Undefined for what none of our builds has used. */
function keptRecord(
  { id: name, size, inUse, createdAt, lastUsedAt }: UsageRecord,
  owned: Owned,
  index: RepositoryIndex,
  { kind, usedBy, cost }: RecordKind,
): Kept | undefined {
  const { repo, scope, what } = owned;
  const ours = index.builds.filter((build) => build.scope === scope && usedBy(build)?.includes(what));
  const [last] = ours;
  if (last === undefined) return undefined;
  const used = lastUsedAt ?? createdAt ?? last.at;
  const ownUse = Math.max(...ours.map(({ at, took }) => Date.parse(at) + took));
  return {
    ...{ kind, repo, name, what, scope, size },
    createdAt: createdAt ?? null,
    lastUsedAt: new Date(used).toISOString(),
    usedBy: ours.slice(0, usersKept).map((build) => build.id),
    cost: cost(index, owned),
    inUse: inUse || Date.parse(used) > ownUse + afterBuildMs,
  };
}
