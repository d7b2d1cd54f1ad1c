import {
  DiscardPolicy,
  type JetStreamManager,
  nanos,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from "nats";
import type { BusConnection } from "./connection.js";
import { largestMessage } from "./connection.js";
import { apiErrorCode, apiErrors, persist } from "./jetstream-error.js";
import { streams } from "./subjects.js";

export interface StreamLimits {
  readonly maxBytes: number;
  readonly maxAgeMs: number;
}

export interface StreamOptions {
  /** Servers that have each message. Default 1; 3 in a cluster of three. */
  readonly replicas?: number;
  /** Waiting jobs: when full, no more are taken. Default 64 MiB. */
  readonly jobs?: { readonly maxBytes: number };
  /** What the server has not taken in yet: when full, the oldest go. Default 7 days, 1 GiB or as much as the bus has room for. */
  readonly events?: StreamLimits;
  /** Default 3 days, 4 GiB or as much as the bus has room for. */
  readonly logs?: StreamLimits;
  readonly signal?: AbortSignal;
  /** Milliseconds for which one that cannot be made for a passing reason is tried again. Default 30,000. */
  readonly timeoutMs?: number;
}

const days = (count: number) => count * 24 * 3600_000;
const mebibyte = 1024 * 1024;
const leastBytes = 16 * mebibyte;

/**
 * How long the bus knows a message id. What is sent again later than that is stored twice; whoever takes events in looks at their
 * numbers anyway.
 */
const duplicateWindow = nanos(10 * 60_000);

type Wanted = Pick<StreamConfig, "name" | "subjects" | "retention" | "discard" | "max_bytes" | "max_age"> & {
  max_msg_size: number;
};

/**
 * Makes the streams, or brings the limits of those that are there to what is asked for; what is in them stays.
 * @throws `bus_unreachable`, `bus_refused` (for example not enough disk for the limits).
 */
export async function ensureStreams(connection: BusConnection, options: StreamOptions = {}): Promise<void> {
  const { replicas = 1, signal, timeoutMs } = options;
  const { maxBytes: jobsBytes } = options.jobs ?? { maxBytes: 64 * mebibyte };
  const events = options.events ?? { maxBytes: 1024 * mebibyte, maxAgeMs: days(7) };
  const logs = options.logs ?? { maxBytes: 4096 * mebibyte, maxAgeMs: days(3) };
  const flowing = (name: string, subject: string, limits: StreamLimits): Wanted => ({
    name,
    subjects: [subject],
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    max_bytes: limits.maxBytes,
    max_age: nanos(limits.maxAgeMs),
    max_msg_size: largestMessage,
  });
  const wanted: Wanted[] = [
    {
      name: streams.jobs,
      subjects: ["galley.jobs.*"],
      retention: RetentionPolicy.Workqueue,
      discard: DiscardPolicy.New,
      max_bytes: jobsBytes,
      max_age: 0,
      max_msg_size: 64 * 1024,
    },
    flowing(streams.events, "galley.events.*.*", events),
    flowing(streams.logs, "galley.logs.*.*", logs),
  ];
  const manager = await streamManager(connection);
  const given = [options.jobs, options.events, options.logs];
  for (const [index, stream] of wanted.entries()) {
    const make = given[index] ? ensureStream : ensureFittingStream;
    await persist(`make the stream ${stream.name}`, () => make(manager, stream, replicas), {
      signal,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
  }
}

/** The bus sets the room aside at once, and has no more than its share of the disk: half as much will do, if it must. */
async function ensureFittingStream(
  manager: JetStreamManager,
  wanted: Wanted,
  replicas: number,
): Promise<void> {
  for (let bytes = wanted.max_bytes; ; bytes = Math.floor(bytes / 2)) {
    try {
      return await ensureStream(manager, { ...wanted, max_bytes: bytes }, replicas);
    } catch (error) {
      if (apiErrorCode(error) !== apiErrors.insufficientStorage || bytes / 2 < leastBytes) throw error;
    }
  }
}

/** Does not ask the bus anything by itself. */
export const streamManager = (connection: BusConnection): Promise<JetStreamManager> =>
  connection.nats.jetstreamManager({ checkAPI: false, timeout: 5_000 });

async function ensureStream(manager: JetStreamManager, wanted: Wanted, replicas: number): Promise<void> {
  const config = {
    ...wanted,
    storage: StorageType.File,
    num_replicas: replicas,
    // It must not be longer than the age.
    duplicate_window: wanted.max_age === 0 ? duplicateWindow : Math.min(duplicateWindow, wanted.max_age),
  };
  let there: StreamConfig | undefined;
  try {
    there = (await manager.streams.info(wanted.name)).config;
  } catch (error) {
    if (apiErrorCode(error) !== apiErrors.streamNotFound) throw error;
  }
  if (!there) {
    try {
      await manager.streams.add(config);
      return;
    } catch (error) {
      // Another server has made it meanwhile.
      if (apiErrorCode(error) !== apiErrors.streamNameInUse) throw error;
      there = (await manager.streams.info(wanted.name)).config;
    }
  }
  const current: Partial<Record<string, unknown>> = { ...there };
  const changed = Object.entries(config).some(
    ([key, value]) => JSON.stringify(current[key]) !== JSON.stringify(value),
  );
  if (changed) await manager.streams.update(wanted.name, config);
}
