import { google } from "../../../proto/index.js";
import type { SourceRange } from "../progress/types.js";

// What BuildKit sends along with a failed solve (23.0+; 20.10 sends nothing): a google.rpc.Status whose details are
// `Any` messages, each with a type_url of BuildKit's own and a value that is JSON, not protobuf (util/grpcerrors).

const maxStatusBytes = 8 * 1024 * 1024;
const maxDetails = 128;
const maxRanges = 4096;

/** One file that the error points into. */
export interface DetailSource {
  readonly filename: string;
  readonly text: string;
  readonly ranges: readonly SourceRange[];
}

export interface ErrorDetails {
  readonly message?: string;
  readonly sources: readonly DetailSource[];
  /** Digest of the vertex that failed. */
  readonly vertex?: string;
  readonly exitCode?: number;
  /** Name of the frontend that refused, for example `dockerfile.v0`; engine 28 and later. */
  readonly frontend?: string;
}

/** The `grpc-status-details-bin` trailer of a gRPC error, if it is one and has it. */
export function detailsTrailer(error: unknown): Uint8Array | undefined {
  if (!isRecord(error) || !isRecord(error.metadata) || typeof error.metadata.get !== "function")
    return undefined;
  try {
    const values: unknown = error.metadata.get("grpc-status-details-bin");
    const first: unknown = Array.isArray(values) ? values[0] : undefined;
    return first instanceof Uint8Array ? first : undefined;
  } catch {
    return undefined;
  }
}

/** Reads an encoded google.rpc.Status. Undefined for what is none; details that cannot be read are left out. */
export function readDetails(encoded: Uint8Array): ErrorDetails | undefined {
  if (encoded.length === 0 || encoded.length > maxStatusBytes) return undefined;
  try {
    const status = google.rpc.Status.decode(encoded);
    return {
      ...(status.message === "" ? {} : { message: status.message }),
      ...collect(status.details.slice(0, maxDetails)),
    };
  } catch {
    return undefined;
  }
}

function collect(details: readonly { type_url: string; value: Uint8Array }[]): Omit<ErrorDetails, "message"> {
  const sources: DetailSource[] = [];
  let vertex: string | undefined;
  let exitCode: number | undefined;
  let frontend: string | undefined;
  for (const { type_url: typeUrl, value } of details) {
    const type = /([A-Za-z]+)\+json$/.exec(typeUrl)?.[1];
    if (type === undefined || type === "Stack") continue;
    const json = parse(value);
    if (json === undefined) continue;
    if (type === "Source") {
      const source = readSource(json);
      if (source !== undefined) sources.push(source);
    } else if (type === "Vertex" && typeof json.digest === "string") vertex = json.digest;
    else if (type === "ExitMessage") exitCode = readExitCode(json.Code ?? json.code) ?? exitCode;
    else if (type === "Frontend" && typeof json.name === "string") frontend = json.name;
  }
  return {
    sources,
    ...(vertex === undefined ? {} : { vertex }),
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(frontend === undefined ? {} : { frontend }),
  };
}

function readSource(json: Record<string, unknown>): DetailSource | undefined {
  const info = json.info;
  if (!isRecord(info) || typeof info.data !== "string") return undefined;
  const ranges: SourceRange[] = [];
  for (const range of Array.isArray(json.ranges) ? json.ranges.slice(0, maxRanges) : []) {
    const start = readLine(isRecord(range) ? range.start : undefined);
    const end = readLine(isRecord(range) ? range.end : undefined);
    if (start !== undefined)
      ranges.push({ start: { line: start }, end: { line: Math.max(start, end ?? start) } });
  }
  return {
    filename: typeof info.filename === "string" && info.filename !== "" ? info.filename : "Dockerfile",
    text: Buffer.from(info.data, "base64").toString("utf8"),
    ranges,
  };
}

function readLine(position: unknown): number | undefined {
  const line = isRecord(position) ? position.line : undefined;
  return typeof line === "number" && Number.isSafeInteger(line) && line > 0 ? line : undefined;
}

// BuildKit says 4294967295 (UnknownExitStatus) where the process never ran to an exit.
function readExitCode(code: unknown): number | undefined {
  return typeof code === "number" && Number.isSafeInteger(code) && code >= 0 && code < 0xffffffff
    ? code
    : undefined;
}

function parse(value: Uint8Array): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(
      Buffer.from(value.buffer, value.byteOffset, value.length).toString("utf8"),
    );
    return isRecord(json) ? json : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
