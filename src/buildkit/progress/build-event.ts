import type { ExcerptLine } from "../errors.js";
import type { StepState } from "./step.js";
import type { Digest } from "./types.js";

// What a build tells, as records for machines: made from the status messages, without anything that is Galley's. Times
// are RFC 3339 strings by the daemon's clock, durations milliseconds, texts free of control sequences other than colours.

export interface BuildStarted {
  readonly type: "build.started";
}

/** Once, before the first step runs, where it is known: the Dockerfile and which of its lines each step comes from. */
export interface BuildSourceMap {
  readonly type: "source_map";
  readonly filename: string;
  /** By vertex digest: see `vertices` of `step.updated`. Lines are 1-based, both ends included. */
  readonly steps: readonly {
    readonly vertex: Digest;
    readonly lines: readonly { readonly start: number; readonly end: number }[];
  }[];
}

/** A step was announced, started, ended or resumed. The last one of a step counts. */
export interface StepUpdated {
  readonly type: "step.updated";
  /** Stays the same for the whole build: the vertex's digest, or the id of the progress group. */
  readonly step: string;
  readonly name: string;
  readonly state: StepState;
  readonly vertices: readonly Digest[];
  /** Vertices that it waits for. */
  readonly inputs: readonly Digest[];
  /** When it first began. */
  readonly started: string | null;
  /** When its last run began: a step may be stopped and resumed. */
  readonly since: string | null;
  /** When its last run ended; null while it runs. */
  readonly completed: string | null;
  /** Milliseconds of all its runs, pauses left out. */
  readonly duration: number;
  readonly error: string | null;
}

export interface StepLogLine {
  readonly stream: "stdout" | "stderr";
  readonly text: string;
  readonly at: string;
  /** On the line that says that output is missing from here on: which limit was reached. */
  readonly clipped?: string;
}

/** Lines that a step printed, in order; at most 500 lines or 128 KiB in one event. */
export interface StepLog {
  readonly type: "step.log";
  readonly step: string;
  readonly lines: readonly StepLogLine[];
  /** True once output of this step was dropped, by the daemon or here. */
  readonly clipped: boolean;
}

/** Bytes sent, fetched, unpacked or exported. Not more often than every 5 % or second; the end always. */
export interface Transfer {
  readonly type: "transfer";
  readonly step: string;
  readonly transfer: string;
  readonly current: number;
  /** Null when unknown. */
  readonly total: number | null;
  readonly started: string;
  readonly duration: number;
  readonly done: boolean;
}

export interface Warning {
  readonly type: "warning";
  /** Null for what no step has found. */
  readonly step: string | null;
  readonly rule: string | null;
  readonly message: string;
  readonly detail: readonly string[];
  readonly url: string | null;
  readonly filename: string | null;
  readonly lines: readonly { readonly start: number; readonly end: number }[];
}

/** What happens to the build beside the solve: pulling, starting. */
export interface BuildNote {
  readonly type: "build.note";
  readonly text: string;
}

export interface BuildFinished {
  readonly type: "build.finished";
  readonly outcome: "built" | "reused" | "failed" | "cancelled";
  readonly image: string | null;
  readonly duration: number;
  readonly steps: {
    readonly total: number;
    readonly completed: number;
    readonly cached: number;
    readonly failed: number;
  };
  /** What of the files of the build had to be sent to the engine; null where that is not known. */
  readonly sent: { readonly files: number; readonly bytes: number } | null;
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly hint: string | null;
    readonly step: string | null;
    readonly command: string | null;
    readonly exitCode: number | null;
    readonly dockerfile: { readonly name: string; readonly excerpt: readonly ExcerptLine[] } | null;
    readonly logTail: readonly string[];
  } | null;
}

export type BuildEvent =
  | BuildStarted
  | BuildSourceMap
  | StepUpdated
  | StepLog
  | Transfer
  | Warning
  | BuildNote
  | BuildFinished;
