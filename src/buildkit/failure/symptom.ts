import type { StepSourceMap } from "../solve/types.js";
import { detailsTrailer, type ErrorDetails, readDetails } from "./details.js";
import { type LineRange, linesAdding, linesNaming, linesOfStep, syntaxLine } from "./dockerfile.js";
import type { SeenVertex } from "./evidence.js";
import type { FailureKnown } from "./known.js";
import { type Mask, maskFor } from "./mask.js";
import { cut } from "./text.js";

/** Lines of output that go into an error. */
export const tailLines = 50;
const messageLimit = 16 * 1024;

/** What the rules look at: the daemon's text stripped of its wrapping, and what belongs to it. Nothing is masked yet. */
export interface Symptom {
  readonly known: FailureKnown;
  /** The daemon's own text, whole. */
  readonly raw: string;
  /** The same without the wrapping that says nothing ("failed to solve with frontend ..."). */
  readonly message: string;
  readonly details: ErrorDetails | undefined;
  /** gRPC status code of the error; undefined for what is no answer of a server. */
  readonly grpcCode: number | undefined;
  /** The step that failed, where one did. */
  readonly vertex: SeenVertex | undefined;
  /** Last lines that the step printed. */
  readonly tail: readonly string[];
  readonly dockerfile: { readonly name: string; readonly text: string } | undefined;
  readonly lines: readonly LineRange[];
  /** Whether the error's lines were told by the daemon with the error, not found by us. */
  readonly linesTold: boolean;
  readonly mask: Mask;
}

export function symptomOf(error: unknown, known: FailureKnown): Symptom {
  const details = readFirst(detailsTrailer(error), known.historyStatus);
  const raw = cut(details?.message ?? textOf(error), messageLimit);
  const message = unwrap(raw);
  const vertex = failingVertex(details, known, message);
  const source = details?.sources.filter((candidate) => candidate.ranges.length > 0).sort(byLength)[0];
  const dockerfile = dockerfileOf(source, known);
  const told = source?.ranges.map((range) => ({ start: range.start.line, end: range.end.line }));
  return {
    known,
    raw,
    message,
    details,
    grpcCode: grpcCodeOf(error),
    vertex,
    tail: vertex === undefined ? [] : (known.evidence?.logTail(vertex.digest, tailLines) ?? []),
    dockerfile,
    lines: told ?? findLines(dockerfile?.text, known.sourceMap, vertex, message),
    linesTold: told !== undefined,
    mask: maskFor(known.frontendAttrs),
  };
}

/** The most specific source first: nested ones come in no reliable order, since every hop of the error turns it round. */
function byLength(a: { ranges: readonly unknown[] }, b: { ranges: readonly unknown[] }): number {
  return a.ranges.length - b.ranges.length;
}

function readFirst(...encoded: (Uint8Array | undefined)[]): ErrorDetails | undefined {
  for (const bytes of encoded) {
    const details = bytes === undefined ? undefined : readDetails(bytes);
    if (details !== undefined) return details;
  }
  return undefined;
}

function textOf(error: unknown): string {
  // grpc-js puts the status into `message` ("2 UNKNOWN: ...") and the server's own words into `details`.
  if (
    typeof error === "object" &&
    error !== null &&
    "details" in error &&
    typeof error.details === "string"
  ) {
    return error.details;
  }
  return error instanceof Error ? error.message : String(error);
}

function grpcCodeOf(error: unknown): number | undefined {
  const has = typeof error === "object" && error !== null && "code" in error;
  return has && typeof error.code === "number" ? error.code : undefined;
}

const wrappings = [
  /^rpc error: code = \w+ desc = /,
  /^failed to build: /,
  /^failed to solve: /,
  /^failed to solve with frontend [\w.]+: /,
  /^failed to create LLB definition: /,
  /^failed to compute cache key: /,
  /^failed to load cache key: /,
];

// Where the daemon mounts snapshots on its own machine means nothing to who wrote the Dockerfile: the paths inside do.
const mounts =
  /(?:\/[^\s/"]+)*\/(?:buildkit-mount\d+|(?:overlay2|snapshots)\/[^/\s"]+\/(?:merged|diff|fs))(?=\/)/g;

function unwrap(raw: string): string {
  let text = raw.trim();
  for (let changed = true; changed; ) {
    changed = false;
    for (const wrapping of wrappings) {
      const shorter = text.replace(wrapping, "");
      changed ||= shorter !== text;
      text = shorter;
    }
  }
  return text.replaceAll(mounts, "");
}

const echo = /^(?:rpc error: .*desc = |failed to do request: )?(?:.*: )?context canceled$/s;

/** Steps that ran beside the failing one end with "context canceled": they are the echo, not the failure. */
function failingVertex(
  details: ErrorDetails | undefined,
  known: FailureKnown,
  message: string,
): SeenVertex | undefined {
  const evidence = known.evidence;
  if (details?.vertex !== undefined) {
    return evidence?.vertex(details.vertex) ?? { digest: details.vertex, name: "", running: false };
  }
  const failed = (evidence?.failed() ?? []).filter((vertex) => !echo.test(vertex.error ?? ""));
  return failed.find((vertex) => message.includes(unwrap(vertex.error ?? ""))) ?? failed[0];
}

function dockerfileOf(
  source: { readonly filename: string; readonly text: string } | undefined,
  known: FailureKnown,
): Symptom["dockerfile"] {
  if (source !== undefined) return { name: source.filename, text: source.text };
  if (known.sourceMap !== undefined) return { name: known.sourceMap.filename, text: known.sourceMap.text };
  return known.dockerfile;
}

function findLines(
  text: string | undefined,
  sourceMap: StepSourceMap | undefined,
  vertex: SeenVertex | undefined,
  message: string,
): readonly LineRange[] {
  const mapped = vertex === undefined ? undefined : sourceMap?.steps.get(vertex.digest);
  if (mapped !== undefined && mapped.length > 0) return mapped;
  const line = Number(/^dockerfile parse error(?: on)? line (\d+):/.exec(message)?.[1]);
  if (Number.isSafeInteger(line) && line > 0) return [{ start: line, end: line }];
  if (text === undefined) return [];
  if (vertex === undefined) {
    const base = /^base name \((.+?)\) should not be blank|^failed to parse stage name "([^"]+)"/.exec(
      message,
    );
    return base === null ? [] : linesNaming(text, base[1] ?? base[2] ?? "");
  }
  if (vertex.name.startsWith("resolve image config for ")) return syntaxLine(text);
  const image = imageOfVertex(vertex.name);
  if (image !== undefined) return linesNaming(text, image);
  return /^(?:https?|git|ssh):\/\/|^git@/.test(vertex.name)
    ? linesAdding(text, vertex.name)
    : linesOfStep(text, vertex.name);
}

/** The image that a vertex looks up or pulls, from its name. */
export function imageOfVertex(name: string): string | undefined {
  const match =
    /^\[internal\] load metadata for (\S+)$/.exec(name) ??
    /^resolve image config for (?:docker-image:\/\/)?(\S+)$/.exec(name) ??
    /^(?:\[[^\]]*\] )?FROM (\S+)$/.exec(name) ??
    /^docker-image:\/\/(\S+)$/.exec(name) ??
    /^pushing (\S+)(?: with docker)?$/.exec(name);
  return match?.[1];
}
