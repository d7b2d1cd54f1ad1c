import { join } from "node:path";
import type { BuildKitClient, UsageRecord } from "../src/buildkit/index.js";
import { noteForgotten } from "./forgotten.js";
import type { Keeper, Kept, KeptHere } from "./kept.js";
import { mountRecord, mountRecordsFilter } from "./mount-record.js";
import type { RepositoryIndex } from "./repository-index.js";
import { readIndexes } from "./stored-sweep.js";

/** Milliseconds that an agent may still be busy with a mount after the last build that used it, as it compares and stores it. */
const afterBuildMs = 3_600_000;
const usersKept = 10;

/**
 * BuildKit's records of cache mounts of the repositories of a data directory. No other record says whose it is. Several agents on one
 * engine share the mounts of a repository that they both build: what we have not used, or another one later than we, is not ours to remove.
 */
export function mountRecords(options: {
  readonly dataDirectory: string;
  /** Closed by us. */
  readonly connect: (signal: AbortSignal) => Promise<BuildKitClient>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}): Keeper {
  const { dataDirectory, now } = options;
  const connected = async <T>(
    signal: AbortSignal,
    work: (client: BuildKitClient) => Promise<T>,
  ): Promise<T> => {
    const client = await options.connect(signal);
    try {
      return await work(client);
    } finally {
      client.close();
    }
  };
  return {
    kind: "record",
    list: async (signal) => {
      const indexes = await readIndexes(dataDirectory);
      const filter = mountRecordsFilter([...indexes.keys()]);
      if (filter === undefined) return [];
      const records = await connected(signal, (client) => client.diskUsage({ filter: [filter], signal }));
      return recordsByRepository(records, indexes);
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
): KeptHere[] {
  const found = new Map<string, Kept[]>();
  for (const record of records) {
    const mount = mountRecord(record);
    const index = mount && indexes.get(mount.repo);
    const item = index && keptRecord(record, mount, index);
    if (item) found.set(item.repo, [...(found.get(item.repo) ?? []), item]);
  }
  return [...found].map(([repo, items]) => ({
    repo,
    kind: "record",
    bytes: items.reduce((sum, { size }) => sum + size, 0),
    items,
  }));
}

/** Undefined for what none of our builds has used. */
function keptRecord(
  { id: name, size, inUse, createdAt, lastUsedAt }: UsageRecord,
  { repo, scope, id }: NonNullable<ReturnType<typeof mountRecord>>,
  { builds, mounts }: RepositoryIndex,
): Kept | undefined {
  // An index of an earlier version does not say which.
  const ours = builds.filter((build) => build.scope === scope && build.mounts?.includes(id));
  const [last] = ours;
  if (last === undefined) return undefined;
  const used = lastUsedAt ?? createdAt ?? last.at;
  const ownUse = Math.max(...ours.map(({ at, took }) => Date.parse(at) + took));
  const stored = mounts.find((mount) => mount.id === id && mount.scope === scope);
  return {
    ...{ kind: "record", repo, name, what: id, scope, size },
    createdAt: createdAt ?? null,
    lastUsedAt: new Date(used).toISOString(),
    usedBy: ours.slice(0, usersKept).map((build) => build.id),
    cost: stored?.cost ?? null,
    inUse: inUse || Date.parse(used) > ownUse + afterBuildMs,
  };
}
