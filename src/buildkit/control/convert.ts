import { google, type moby, type pb } from "../../../proto/index.js";
import type {
  SolveStatus,
  SourceRange,
  Vertex,
  VertexLog,
  VertexStatus,
  VertexWarning,
} from "../progress/types.js";
import { optionalTimestamp, timestampOrEpoch } from "./timestamp.js";
import type { BuildRecord, GcPolicy, Platform, UsageRecord, Worker } from "./types.js";

type Wire = typeof moby.buildkit.v1;
type Of<K extends keyof Wire> = Wire[K] extends { decode(bytes: Uint8Array): infer T } ? T : never;

const utf8 = new TextDecoder("utf-8");

/** One message of Control.Status. Fields that the wire leaves out are absent. */
export function statusFromWire(message: Of<"StatusResponse">): SolveStatus {
  return {
    vertexes: message.vertexes.map(vertexFromWire),
    statuses: message.statuses.map(vertexStatusFromWire),
    logs: message.logs.map(logFromWire),
    warnings: message.warnings.map(warningFromWire),
  };
}

function vertexFromWire(wire: Of<"Vertex">): Vertex {
  const started = optionalTimestamp(wire.started);
  const completed = optionalTimestamp(wire.completed);
  const group = wire.progressGroup;
  return {
    digest: wire.digest,
    ...(wire.inputs.length === 0 ? {} : { inputs: wire.inputs }),
    name: wire.name,
    ...(started === undefined ? {} : { started }),
    ...(completed === undefined ? {} : { completed }),
    ...(wire.cached ? { cached: true } : {}),
    ...(wire.error === "" ? {} : { error: wire.error }),
    ...(group === null
      ? {}
      : { progressGroup: { id: group.id, name: group.name, ...(group.weak ? { weak: true } : {}) } }),
  };
}

function vertexStatusFromWire(wire: Of<"VertexStatus">): VertexStatus {
  const started = optionalTimestamp(wire.started);
  const completed = optionalTimestamp(wire.completed);
  const total = wire.total.toNumber();
  return {
    id: wire.id,
    vertex: wire.vertex,
    ...(wire.name === "" ? {} : { name: wire.name }),
    ...(total === 0 ? {} : { total }),
    current: wire.current.toNumber(),
    timestamp: timestampOrEpoch(wire.timestamp),
    ...(started === undefined ? {} : { started }),
    ...(completed === undefined ? {} : { completed }),
  };
}

function logFromWire(wire: Of<"VertexLog">): VertexLog {
  return {
    vertex: wire.vertex,
    stream: wire.stream.toNumber(),
    data: wire.msg,
    timestamp: timestampOrEpoch(wire.timestamp),
  };
}

function warningFromWire(wire: Of<"VertexWarning">): VertexWarning {
  const info = wire.info;
  return {
    vertex: wire.vertex,
    level: wire.level.toNumber(),
    short: utf8.decode(wire.short),
    detail: wire.detail.map((line) => utf8.decode(line)),
    ...(wire.url === "" ? {} : { url: wire.url }),
    ...(info === null
      ? {}
      : {
          sourceInfo: {
            ...(info.filename === "" ? {} : { filename: info.filename }),
            ...(info.data.length === 0 ? {} : { data: info.data }),
            ...(info.language === "" ? {} : { language: info.language }),
          },
        }),
    ranges: wire.ranges.map(rangeFromWire),
  };
}

function rangeFromWire(wire: pb.Range): SourceRange {
  return { start: positionFromWire(wire.start), end: positionFromWire(wire.end) };
}

function positionFromWire(wire: pb.Position | null): SourceRange["start"] {
  const line = wire?.line ?? 0;
  const character = wire?.character ?? 0;
  return character === 0 ? { line } : { line, character };
}

export function usageFromWire(wire: Of<"UsageRecord">): UsageRecord {
  const createdAt = optionalTimestamp(wire.createdAt);
  const lastUsedAt = optionalTimestamp(wire.lastUsedAt);
  return {
    id: wire.id,
    type: wire.recordType,
    description: wire.description,
    size: wire.size.toNumber(),
    mutable: wire.mutable,
    inUse: wire.inUse,
    shared: wire.shared,
    // Before BuildKit 0.10 there was but one parent, in a field of its own.
    parents: wire.parents.length > 0 || wire.parent === "" ? wire.parents : [wire.parent],
    usageCount: wire.usageCount.toNumber(),
    ...(createdAt === undefined ? {} : { createdAt }),
    ...(lastUsedAt === undefined ? {} : { lastUsedAt }),
  };
}

export function workerFromWire(wire: moby.buildkit.v1.types.WorkerRecord): Worker {
  const version = wire.buildkitVersion?.version ?? "";
  return {
    id: wire.id,
    labels: wire.labels,
    platforms: wire.platforms.map(platformFromWire),
    gcPolicies: wire.gcPolicy.map(gcPolicyFromWire),
    ...(version === "" ? {} : { buildkitVersion: version }),
  };
}

function platformFromWire({ os, architecture, variant }: pb.Platform): Platform {
  return { os, architecture, ...(variant === "" ? {} : { variant }) };
}

function gcPolicyFromWire(wire: moby.buildkit.v1.types.GCPolicy): GcPolicy {
  return {
    all: wire.all,
    filters: wire.filters,
    keepDurationMs: wire.keepDuration.toNumber() / 1e6,
    reservedBytes: wire.reservedSpace.toNumber(),
    maxUsedBytes: wire.maxUsedSpace.toNumber(),
    minFreeBytes: wire.minFreeSpace.toNumber(),
  };
}

/** `complete` is what the event said: a record of a running build looks the same but for its times. */
export function buildRecordFromWire(wire: Of<"BuildHistoryRecord">, complete: boolean): BuildRecord {
  const createdAt = optionalTimestamp(wire.createdAt);
  const completedAt = optionalTimestamp(wire.completedAt);
  const { error, externalError } = wire;
  return {
    ref: wire.ref,
    state: complete ? "complete" : "running",
    frontend: wire.frontend,
    frontendAttrs: wire.frontendAttrs,
    exporters: wire.exporters.map(({ type, attrs }) => ({ type, attrs })),
    exporterResponse: wire.exporterResponse,
    ...(createdAt === undefined ? {} : { createdAt }),
    ...(completedAt === undefined ? {} : { completedAt }),
    cachedSteps: wire.numCachedSteps,
    completedSteps: wire.numCompletedSteps,
    totalSteps: wire.numTotalSteps,
    warnings: wire.numWarnings,
    pinned: wire.pinned,
    ...(error === null
      ? {}
      : {
          error: {
            code: error.code,
            message: error.message,
            status: google.rpc.Status.encode(error).finish(),
          },
        }),
    ...(externalError === null || externalError.digest === ""
      ? {}
      : { errorBlob: { digest: externalError.digest, size: externalError.size.toNumber() } }),
  };
}
