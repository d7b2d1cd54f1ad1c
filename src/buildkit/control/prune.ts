import type { Client } from "@grpc/grpc-js";
import { Control } from "../../../proto/index.js";
import { serverStream } from "../transport/rpc.js";
import { usageFromWire } from "./convert.js";
import { diskUsage } from "./disk-usage.js";
import { controlError } from "./rpc-error.js";
import type { UsageRecord } from "./types.js";

export interface PruneOptions {
  /** As in DiskUsageOptions. */
  readonly filter?: readonly string[];
  /** Also internal and frontend records, and those shared with images. */
  readonly all?: boolean;
  /** Keeps what was used within this time. */
  readonly keepDurationMs?: number;
  /** Bytes always left to the cache. */
  readonly keepBytes?: number;
  /** Bytes the cache may hold at most. Engines before 27.4 ignore it. */
  readonly maxUsedBytes?: number;
  /** Bytes to leave free on the disk. Engines before 27.4 ignore it. */
  readonly minFreeBytes?: number;
  /** Called for each record as it goes. */
  readonly onRecord?: (record: UsageRecord) => void;
  readonly signal?: AbortSignal;
  /** Default 600,000: deleting many small files takes minutes. */
  readonly timeoutMs?: number;
}

export interface PruneResult {
  readonly records: readonly UsageRecord[];
  readonly reclaimedBytes: number;
}

/** Removes cache records that nothing uses. */
export async function prune(client: Client, options: PruneOptions = {}): Promise<PruneResult> {
  const { signal, timeoutMs = 600_000 } = options;
  const records: UsageRecord[] = [];
  const filter = await portableFilter(client, options);
  if (filter === undefined) return { records, reclaimedBytes: 0 };
  const request = {
    filter,
    all: options.all ?? false,
    keepDuration: Math.round((options.keepDurationMs ?? 0) * 1e6),
    reservedSpace: options.keepBytes ?? 0,
    maxUsedSpace: options.maxUsedBytes ?? 0,
    minFreeSpace: options.minFreeBytes ?? 0,
  };
  try {
    for await (const wire of serverStream(client, Control.methods.Prune, request, {
      timeoutMs,
      ...(signal ? { signal } : {}),
    })) {
      const record = usageFromWire(wire);
      records.push(record);
      options.onRecord?.(record);
    }
  } catch (error) {
    throw controlError(error, "Pruning the build cache", signal);
  }
  return { records, reclaimedBytes: records.reduce((sum, { size }) => sum + size, 0) };
}

/**
 * Engines before 28 do not fill the description while pruning, so that a filter on it matches nothing: there as everywhere,
 * such filters are answered by listing, and the records named by id.
 *
 * @returns undefined when nothing matches: an empty filter would mean everything
 */
async function portableFilter(
  client: Client,
  { filter = [], signal }: PruneOptions,
): Promise<string[] | undefined> {
  if (!filter.some((text) => text.includes("description"))) return [...filter];
  const matching = await diskUsage(client, { filter, ...(signal ? { signal } : {}) });
  return matching.length === 0 ? undefined : matching.map(({ id }) => `id==${id}`);
}
