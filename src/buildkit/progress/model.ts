import { Step, type StepState, type Transfer } from "./step.js";
import { defaultLogLimits, type LogLimits, type LogLine } from "./step-log.js";
import { type Instant, instant } from "./time.js";
import type { Digest, SolveStatus, Vertex, VertexLog, VertexStatus, VertexWarning } from "./types.js";

/** What one message changed. Steps and transfers are in it once each; lines in the order in which they came. */
export interface ProgressChange {
  readonly steps: readonly Step[];
  readonly lines: readonly LogLine[];
  readonly transfers: readonly Transfer[];
  readonly warnings: readonly VertexWarning[];
}

export interface ProgressSummary extends Readonly<Record<StepState, number>> {
  readonly total: number;
  /** Done, cached, failed and cancelled ones. */
  readonly completed: number;
}

// A daemon that sends more than this is broken or hostile; a person can follow neither. What is beyond is left out.
const stepsPerBuild = 20_000;
const warningsPerBuild = 2000;
const longestDigest = 256;

/**
 * The state of one build, folded from the messages of `Control.Status`. It does no I/O, reads no clock and never throws,
 * whatever the messages hold; equal messages in equal order give an equal state, however they are cut into pieces.
 */
export class BuildProgress {
  readonly #limits: LogLimits;
  readonly #byId = new Map<Digest, Step>();
  readonly #byVertex = new Map<Digest, Step>();
  readonly #started: Step[] = [];
  readonly #warnings = new Map<string, VertexWarning>();
  #skew: number | undefined;
  #firstStart: Instant | undefined;
  #end: Instant | undefined;

  constructor(limits: Partial<LogLimits> = {}) {
    this.#limits = { ...defaultLogLimits, ...limits };
  }

  /** Every step to be shown, started ones first in the order of their first start, then those that wait. */
  get steps(): readonly Step[] {
    const waiting = [...this.#byId.values()].filter(
      (step) => step.order === -1 && !step.hidden && step.name !== "",
    );
    return [...this.started, ...waiting];
  }

  /** The steps that have started, in that order: no step changes its place. */
  get started(): readonly Step[] {
    return this.#started.filter((step) => !step.hidden);
  }

  /** By a vertex's digest or a group's id. */
  step(digest: Digest): Step | undefined {
    return this.#byVertex.get(digest) ?? this.#byId.get(digest);
  }

  /** Each finding once, whichever step reported it. */
  get warnings(): readonly VertexWarning[] {
    return [...this.#warnings.values()];
  }

  /** Milliseconds by which our clock is ahead of the daemon's, the way of the first message included. */
  get skew(): number {
    return this.#skew ?? 0;
  }

  /** Milliseconds since the first step started; stands still after `end`. `now` in our own time. */
  elapsed(now: Instant): number {
    if (this.#firstStart === undefined) return 0;
    return Math.max(0, (this.#end ?? now - this.skew) - this.#firstStart);
  }

  /** Milliseconds that a step ran. `now` in our own time. */
  duration(step: Step, now: Instant): number {
    return step.duration(this.#end ?? now - this.skew);
  }

  summary(): ProgressSummary {
    const counts = { waiting: 0, running: 0, done: 0, cached: 0, failed: 0, cancelled: 0 };
    let total = 0;
    for (const step of this.#byId.values()) {
      if (step.hidden || step.name === "") continue;
      counts[step.state] += 1;
      total += 1;
    }
    return { ...counts, total, completed: total - counts.waiting - counts.running };
  }

  /** Takes one message. `now` is our time at its arrival: with it, durations of running steps bear clocks that differ. */
  apply(status: SolveStatus, now?: Instant): ProgressChange {
    const steps = new Set<Step>();
    const lines: LogLine[] = [];
    const transfers = new Map<string, Transfer>();
    const warnings: VertexWarning[] = [];
    for (const vertex of status.vertexes ?? []) this.#applyVertex(vertex, now, steps);
    for (const item of status.statuses ?? []) {
      const transfer = this.#applyStatus(item);
      if (transfer) transfers.set(`${transfer.step} ${transfer.id}`, transfer);
    }
    for (const warning of status.warnings ?? []) if (this.#applyWarning(warning)) warnings.push(warning);
    for (const log of status.logs ?? []) for (const line of this.#applyLog(log)) lines.push(line);
    return { steps: [...steps], lines, transfers: [...transfers.values()], warnings };
  }

  /** The build is over: what still runs was cancelled, or, after a success, simply not reported again. */
  end(outcome: "built" | "failed" | "cancelled", now: Instant): readonly Step[] {
    if (this.#end !== undefined) return [];
    const running = this.#started.filter((step) => step.state === "running");
    this.#end = now - this.skew;
    for (const step of running) step.end(outcome === "built" ? "done" : "cancelled", this.#end);
    return running;
  }

  #applyVertex(reported: Vertex, now: Instant | undefined, changed: Set<Step>): void {
    if (!isDigest(reported?.digest)) return;
    const vertex = wellTyped(reported);
    const group = vertex.progressGroup;
    const step = group ? this.#group(group.id, vertex.digest) : this.#own(vertex.digest);
    if (step === undefined) return;
    const start = instant(vertex.started);
    if (start !== undefined) {
      this.#firstStart = Math.min(this.#firstStart ?? start, start);
      if (now !== undefined) this.#skew ??= now - start;
    }
    const before = step.order;
    if (step.applyVertex(vertex, () => this.#started.length)) changed.add(step);
    if (before === -1 && step.order !== -1) this.#started.push(step);
  }

  #applyStatus(status: VertexStatus): Transfer | undefined {
    return isDigest(status?.vertex) ? this.#own(status.vertex)?.applyStatus(status) : undefined;
  }

  #applyLog(log: VertexLog): readonly LogLine[] {
    if (!isDigest(log?.vertex) || !(log.data instanceof Uint8Array)) return [];
    const at = instant(log.timestamp) ?? this.#firstStart ?? 0;
    return this.#own(log.vertex)?.log.append(log.stream, log.data, at) ?? [];
  }

  #applyWarning(warning: VertexWarning): boolean {
    if (
      typeof warning?.short !== "string" ||
      !Array.isArray(warning.ranges) ||
      this.#warnings.size >= warningsPerBuild
    )
      return false;
    const { short, detail, url, level, ranges, sourceInfo } = warning;
    const key = JSON.stringify([level, short, detail, url, ranges, sourceInfo?.filename]);
    if (this.#warnings.has(key)) return false;
    this.#warnings.set(key, warning);
    return true;
  }

  // Logs and statuses may be ahead of their vertex: the step is made then, and named when the vertex comes.
  #own(digest: Digest): Step | undefined {
    const known = this.#byVertex.get(digest);
    if (known !== undefined || this.#byId.size >= stepsPerBuild) return known;
    const step = new Step(digest, false, this.#limits);
    this.#byId.set(digest, step);
    this.#byVertex.set(digest, step);
    return step;
  }

  #group(id: Digest, digest: Digest): Step | undefined {
    let step = this.#byId.get(id);
    if (step === undefined) {
      if (this.#byId.size >= stepsPerBuild) return undefined;
      step = new Step(id, true, this.#limits);
      this.#byId.set(id, step);
    }
    this.#byVertex.set(digest, step);
    return step;
  }
}

/** The fold as a function, for `reduce`: the given state is changed and returned. */
export function foldStatus(progress: BuildProgress, status: SolveStatus, now?: Instant): BuildProgress {
  progress.apply(status, now);
  return progress;
}

const isDigest = (value: unknown): value is Digest =>
  typeof value === "string" && value !== "" && value.length <= longestDigest;

// The types say what a correct daemon sends. Here they are made true, so that nothing further on can throw.
function wellTyped(vertex: Vertex): Vertex {
  const { digest, name, inputs, started, completed, cached, error, progressGroup: group } = vertex;
  const isText = (value: unknown): value is string => typeof value === "string" && value !== "";
  return {
    digest,
    name: isText(name) ? name : "",
    ...(Array.isArray(inputs) ? { inputs: inputs.filter(isDigest) } : {}),
    ...(isText(started) ? { started } : {}),
    ...(isText(completed) ? { completed } : {}),
    ...(cached === true ? { cached } : {}),
    ...(isText(error) ? { error } : {}),
    ...(group && isDigest(group.id)
      ? {
          progressGroup: {
            id: group.id,
            name: isText(group.name) ? group.name : "",
            weak: group.weak === true,
          },
        }
      : {}),
  };
}
