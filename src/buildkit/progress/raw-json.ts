import { goTime } from "./time.js";
import type { SolveStatus, SourceRange, Vertex, VertexLog, VertexStatus, VertexWarning } from "./types.js";

// Field names, their order and what is left out when empty: the JSON tags of BuildKit's client/graph.go, as
// `docker buildx build --progress rawjson` prints them (0.29: one object per line; 0.13: indented). One field is not
// written: `sourceInfo.definition` of a warning, which repeats the LLB that loaded the Dockerfile and names the session.

const base64 = (bytes: Uint8Array) =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
const textBase64 = (text: string) => Buffer.from(text).toString("base64");
const orNothing = <T>(value: T | undefined) => value || undefined;
const listOrNothing = <T>(list: readonly T[] | undefined) => (list && list.length > 0 ? list : undefined);
const timeOrNothing = (text: string | undefined) => (text ? goTime(text) : undefined);

// Go's encoder escapes these for the sake of HTML and of old JavaScript.
const escaped: Readonly<Record<string, string>> = {
  "<": "\\u003c",
  ">": "\\u003e",
  "&": "\\u0026",
  "\u2028": "\\u2028",
  "\u2029": "\\u2029",
};

/** One message as `rawjson` has it, without the line end. */
export function encodeRawJson(status: SolveStatus): string {
  const message = {
    vertexes: listOrNothing(status.vertexes)?.map(vertex),
    statuses: listOrNothing(status.statuses)?.map(vertexStatus),
    logs: listOrNothing(status.logs)?.map(log),
    warnings: listOrNothing(status.warnings)?.map(warning),
  };
  return JSON.stringify(message).replace(/[<>&\u2028\u2029]/g, (found) => escaped[found] ?? found);
}

function vertex(of: Vertex) {
  return {
    digest: orNothing(of.digest),
    inputs: listOrNothing(of.inputs),
    name: orNothing(of.name),
    started: timeOrNothing(of.started),
    completed: timeOrNothing(of.completed),
    cached: orNothing(of.cached),
    error: orNothing(of.error),
    progressGroup: of.progressGroup && {
      id: orNothing(of.progressGroup.id),
      name: orNothing(of.progressGroup.name),
      weak: orNothing(of.progressGroup.weak),
    },
  };
}

function vertexStatus(of: VertexStatus) {
  return {
    id: of.id,
    vertex: orNothing(of.vertex),
    name: orNothing(of.name),
    total: orNothing(of.total),
    current: of.current,
    timestamp: goTime(of.timestamp),
    started: timeOrNothing(of.started),
    completed: timeOrNothing(of.completed),
  };
}

function log(of: VertexLog) {
  return {
    vertex: orNothing(of.vertex),
    stream: orNothing(of.stream),
    data: of.data.byteLength === 0 ? null : base64(of.data),
    timestamp: goTime(of.timestamp),
  };
}

function warning(of: VertexWarning) {
  return {
    vertex: orNothing(of.vertex),
    level: orNothing(of.level),
    short: of.short === "" ? undefined : textBase64(of.short),
    detail: listOrNothing(of.detail)?.map(textBase64),
    url: orNothing(of.url),
    sourceInfo: of.sourceInfo && {
      filename: orNothing(of.sourceInfo.filename),
      data: of.sourceInfo.data && of.sourceInfo.data.byteLength > 0 ? base64(of.sourceInfo.data) : undefined,
      language: orNothing(of.sourceInfo.language),
    },
    range: listOrNothing(of.ranges)?.map(range),
  };
}

function range({ start, end }: SourceRange) {
  const position = (of: SourceRange["start"]) => ({
    line: orNothing(of.line),
    character: orNothing(of.character),
  });
  return { start: position(start), end: position(end) };
}

// biome-ignore lint/suspicious/noExplicitAny: the shape is checked field by field below
type Json = any;

/**
 * Reads one message that `rawjson` printed, ours or buildx's. Undefined for a line that is none, such as the `ERROR:`
 * that buildx adds. Fields of the wrong type are taken as absent.
 */
export function decodeRawJson(line: string): SolveStatus | undefined {
  let message: Json;
  try {
    message = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof message !== "object" || message === null || Array.isArray(message)) return undefined;
  return {
    vertexes: list(message.vertexes).map((of) => ({
      digest: text(of.digest) ?? "",
      name: text(of.name) ?? "",
      ...optional(
        "inputs",
        Array.isArray(of.inputs)
          ? of.inputs.filter((input: unknown) => typeof input === "string")
          : undefined,
      ),
      ...optional("started", text(of.started)),
      ...optional("completed", text(of.completed)),
      ...(of.cached === true ? { cached: true } : {}),
      ...optional("error", text(of.error)),
      ...(isObject(of.progressGroup)
        ? {
            progressGroup: {
              id: text(of.progressGroup.id) ?? "",
              name: text(of.progressGroup.name) ?? "",
              ...(of.progressGroup.weak === true ? { weak: true } : {}),
            },
          }
        : {}),
    })),
    statuses: list(message.statuses).map((of) => ({
      id: text(of.id) ?? "",
      vertex: text(of.vertex) ?? "",
      current: number(of.current) ?? 0,
      timestamp: text(of.timestamp) ?? "",
      ...optional("name", text(of.name)),
      ...optional("total", number(of.total)),
      ...optional("started", text(of.started)),
      ...optional("completed", text(of.completed)),
    })),
    logs: list(message.logs).map((of) => ({
      vertex: text(of.vertex) ?? "",
      stream: number(of.stream) ?? 0,
      data: Buffer.from(text(of.data) ?? "", "base64"),
      timestamp: text(of.timestamp) ?? "",
    })),
    warnings: list(message.warnings).map((of) => ({
      vertex: text(of.vertex) ?? "",
      level: number(of.level) ?? 0,
      short: fromBase64(of.short) ?? "",
      detail: Array.isArray(of.detail) ? of.detail.map((part: unknown) => fromBase64(part) ?? "") : [],
      ...optional("url", text(of.url)),
      ...(isObject(of.sourceInfo)
        ? {
            sourceInfo: {
              ...optional("filename", text(of.sourceInfo.filename)),
              ...(text(of.sourceInfo.data) ? { data: Buffer.from(of.sourceInfo.data, "base64") } : {}),
              ...optional("language", text(of.sourceInfo.language)),
            },
          }
        : {}),
      ranges: list(of.range).map((part) => ({ start: position(part.start), end: position(part.end) })),
    })),
  };
}

const isObject = (value: unknown): value is Record<string, Json> =>
  typeof value === "object" && value !== null;
const list = (value: unknown): Record<string, Json>[] => (Array.isArray(value) ? value.filter(isObject) : []);
const text = (value: unknown) => (typeof value === "string" ? value : undefined);
const number = (value: unknown) => (typeof value === "number" ? value : undefined);
const fromBase64 = (value: unknown) =>
  typeof value === "string" ? Buffer.from(value, "base64").toString() : undefined;
const optional = <K extends string, V>(key: K, value: V | undefined) =>
  (value === undefined ? {} : { [key]: value }) as { [P in K]?: V };

function position(of: unknown): SourceRange["start"] {
  if (!isObject(of)) return { line: 0 };
  return { line: number(of.line) ?? 0, ...optional("character", number(of.character)) };
}
