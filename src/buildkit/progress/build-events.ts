import type { BuildKitError } from "../errors.js";
import { toLintWarning } from "../failure/index.js";
import type { StepSourceMap } from "../solve/types.js";
import type { BuildEvent, StepLogLine, StepUpdated, Transfer as TransferEvent } from "./build-event.js";
import { BuildProgress, type ProgressChange } from "./model.js";
import type { BuildOutcome } from "./renderer.js";
import type { Step, Transfer } from "./step.js";
import type { LogLine } from "./step-log.js";
import { safeLine, safeName } from "./terminal-text.js";
import type { Instant } from "./time.js";
import type { SolveStatus, VertexLog } from "./types.js";

const linesPerEvent = 500;
const charactersPerEvent = 128 * 1024;
const bytesPerPart = 64 * 1024;
const nothing = { vertexes: [], statuses: [], warnings: [] };
const mentionedShare = 0.05;
const mentionedAfter = 1000;

/** Turns the messages of one build into its events. No I/O, no clock: times come with the calls. */
export class BuildEvents {
  readonly #progress: BuildProgress;
  readonly #mentioned = new Map<string, { readonly current: number; readonly at: Instant }>();
  readonly #reported = new Map<Step, string>();
  readonly #leftOut = new Set<Step>();
  /** Are over, and some of what they have printed may still come. */
  readonly #ended = new Set<Step>();
  #goesOn = false;

  constructor(progress: BuildProgress = new BuildProgress()) {
    this.#progress = progress;
  }

  start(): BuildEvent[] {
    return [{ type: "build.started" }];
  }

  sourceMap(map: StepSourceMap): BuildEvent[] {
    const steps = [...map.steps].map(([vertex, lines]) => ({
      vertex,
      lines: lines.map(({ start, end }) => ({ start, end })),
    }));
    return [{ type: "source_map", filename: safeName(map.filename), steps }];
  }

  note(text: string): BuildEvent[] {
    return [{ type: "build.note", text: safeName(text) }];
  }

  warn(text: string): BuildEvent[] {
    const message = safeName(text);
    return [
      { type: "warning", step: null, rule: null, message, detail: [], url: null, filename: null, lines: [] },
    ];
  }

  /**
   * `withLogs` false: the reader cannot keep up. Lines are then dropped, and one line of each step says so.
   */
  update(status: SolveStatus, now: Instant, withLogs = true): BuildEvent[] {
    return [...this.updates(status, now, withLogs)].flat();
  }

  /**
   * The same in parts, for who has other things to do meanwhile: a message may have a hundred thousand lines, and a process that works on them in
   * one go answers nobody. To be read to its end before the next message.
   */
  *updates(status: SolveStatus, now: Instant, withLogs = true): Generator<BuildEvent[]> {
    const parts = partsOf(status);
    for (const [at, part] of parts.entries()) {
      const events = this.#update(part, now, withLogs);
      if (at === parts.length - 1) {
        this.#goesOn = logGoesOn(status, this.#goesOn);
        if (!this.#goesOn) this.#tellEnds(now, events);
      }
      yield events;
    }
  }

  #update(status: SolveStatus, now: Instant, withLogs: boolean): BuildEvent[] {
    const change = this.#progress.apply(status, now);
    const events: BuildEvent[] = [];
    // Logs come before the end of their step, so that who reads in order has them when it is over.
    const [ended, going] = partition(change.steps, ({ state }) => state !== "running" && state !== "waiting");
    for (const step of ended) this.#ended.add(step);
    for (const step of going) {
      this.#ended.delete(step);
      this.#step(step, now, events);
    }
    this.#lines(change, withLogs, events);
    for (const transfer of change.transfers)
      if (this.#worthMention(transfer)) events.push(transferEvent(transfer));
    for (const warning of change.warnings) {
      const { rule, message, file, lines, url } = toLintWarning(warning);
      events.push({
        type: "warning",
        step: this.#progress.step(warning.vertex)?.id ?? warning.vertex,
        rule: rule ?? null,
        message: safeName(message),
        detail: (warning.detail ?? []).map((line) => safeLine(line, false)),
        url: url ?? null,
        filename: file ?? null,
        lines,
      });
    }
    return events;
  }

  finish(outcome: BuildOutcome, now: Instant): BuildEvent[] {
    const events: BuildEvent[] = [];
    this.#tellEnds(now, events);
    for (const step of this.#progress.end(outcome.kind === "reused" ? "built" : outcome.kind, now))
      this.#step(step, now, events);
    for (const step of this.#progress.steps) this.#flush(step, events);
    const { total, completed, cached, failed } = this.#progress.summary();
    events.push({
      type: "build.finished",
      outcome: outcome.kind,
      image: ("image" in outcome ? outcome.image : undefined) ?? null,
      duration: Math.round(this.#progress.elapsed(now)),
      steps: { total, completed, cached, failed },
      sent: outcome.kind === "built" && outcome.sent ? { ...outcome.sent } : null,
      error: outcome.kind === "failed" ? errorOf(outcome.error, this.#progress) : null,
    });
    return events;
  }

  #tellEnds(now: Instant, events: BuildEvent[]): void {
    for (const step of this.#ended) this.#step(step, now, events);
    this.#ended.clear();
  }

  #step(step: Step, now: Instant, events: BuildEvent[]): void {
    if (step.hidden || step.name === "") return;
    if (step.state !== "running" && step.state !== "waiting") this.#flush(step, events);
    const { intervals } = step;
    const last = intervals.at(-1);
    const event: StepUpdated = {
      type: "step.updated",
      step: step.id,
      name: safeName(step.name, 2001),
      state: step.state,
      vertices: step.vertices,
      inputs: step.inputs,
      started: intervals[0] ? timeText(intervals[0].start) : null,
      since: last ? timeText(last.start) : null,
      completed: last?.stop === undefined ? null : timeText(last.stop),
      duration: Math.round(this.#progress.duration(step, now)),
      error: step.error === undefined ? null : safeName(step.error, 16_384),
    };
    // A running step's duration is the reader's to count; alone it is no news.
    const news = JSON.stringify(event.state === "running" ? { ...event, duration: 0 } : event);
    if (this.#reported.get(step) === news) return;
    this.#reported.set(step, news);
    events.push(event);
  }

  #lines({ lines }: ProgressChange, withLogs: boolean, events: BuildEvent[]): void {
    for (let from = 0; from < lines.length; ) {
      const id = lines[from]?.step ?? "";
      let to = from;
      let size = 0;
      while (
        to < lines.length &&
        lines[to]?.step === id &&
        to - from < linesPerEvent &&
        size < charactersPerEvent
      ) {
        size += lines[to]?.text.length ?? 0;
        to += 1;
      }
      const step = this.#progress.step(id);
      if (step !== undefined) this.#log(step, lines.slice(from, to), withLogs, events);
      from = to;
    }
  }

  #log(step: Step, lines: readonly LogLine[], withLogs: boolean, events: BuildEvent[]): void {
    const timeOf = rememberingTime();
    let shown = lines.map((line) => lineOf(line, timeOf));
    if (!withLogs) {
      if (this.#leftOut.has(step)) return;
      this.#leftOut.add(step);
      shown = shown.slice(0, 1).map(({ stream, at }) => ({
        stream,
        at,
        text: "[output clipped: the output is read too slowly]",
        clipped: "unread output",
      }));
    }
    const clipped = step.log.clipped !== undefined || this.#leftOut.has(step);
    events.push({ type: "step.log", step: step.id, lines: shown, clipped });
  }

  #flush(step: Step, events: BuildEvent[]): void {
    const lines = step.log.flush();
    if (lines.length > 0) this.#log(step, lines, true, events);
  }

  #worthMention({ step, id, current, total, at = 0, started, completed }: Transfer): boolean {
    if (started === undefined) return false;
    const key = `${step} ${id}`;
    const before = this.#mentioned.get(key);
    const share = before && total > 0 ? (current - before.current) / total : 0;
    if (before && completed === undefined && share < mentionedShare && at - before.at < mentionedAfter)
      return false;
    this.#mentioned.set(key, { current, at });
    return true;
  }
}

function transferEvent({ step, id, current, total, at, started = 0, completed }: Transfer): TransferEvent {
  return {
    type: "transfer",
    step,
    transfer: safeName(id),
    current,
    total: total || null,
    started: timeText(started),
    duration: Math.round(Math.max(0, (completed ?? at ?? started) - started)),
    done: completed !== undefined,
  };
}

/**
 * BuildKit cuts a message at a MiB of log and sends the rest in the next ones, which have nothing else, while all steps' ends are in the
 * first (client/status.go).
 *
 * @param before whether the message before went on
 */
function logGoesOn({ vertexes = [], statuses = [], logs = [] }: SolveStatus, before: boolean): boolean {
  if (before && logs.length > 0 && vertexes.length + statuses.length === 0) return true;
  let bytes = 0;
  for (const { data } of logs) bytes += data.length + 16;
  return bytes > 1_000_000;
}

/** Cuts the logs of a message where they are long; everything else is in the first part, as it came first. */
function partsOf(status: SolveStatus): readonly SolveStatus[] {
  const { logs = [], ...rest } = status;
  const parts: SolveStatus[] = [];
  let some: VertexLog[] = [];
  let bytes = 0;
  const end = () => {
    parts.push(parts.length === 0 ? { ...rest, logs: some } : { ...nothing, logs: some });
    some = [];
    bytes = 0;
  };
  for (const log of logs) {
    if (bytes >= bytesPerPart) end();
    some.push(log);
    bytes += log.data.length;
  }
  end();
  return parts;
}

function lineOf({ stream, text, at, clipped }: LogLine, timeOf: (at: Instant) => string): StepLogLine {
  return {
    stream: stream === 2 ? "stderr" : "stdout",
    text: safeLine(text, true),
    at: timeOf(at),
    ...(clipped === undefined ? {} : { clipped }),
  };
}

function errorOf(error: BuildKitError, progress: BuildProgress) {
  const { failure } = error;
  const step = failure?.vertex === undefined ? undefined : progress.step(failure.vertex);
  const tail = failure?.logTail ?? step?.log.tail(20).map(({ text }) => text) ?? [];
  return {
    code: error.code,
    message: error.message,
    hint: error.hint ?? null,
    step: step?.id ?? failure?.vertex ?? null,
    command: failure?.command ?? null,
    exitCode: failure?.exitCode ?? null,
    dockerfile: failure?.dockerfile ?? null,
    logTail: tail.map((line) => safeLine(line, true)),
  };
}

// The largest time that a Date can hold; a hostile one beyond it must not throw.
const latest = 8.64e15;

function timeText(at: Instant): string {
  return new Date(Math.min(Math.max(at, -latest), latest)).toISOString();
}

/** Lines come by the thousand in a millisecond, and writing its time anew for each was a third of all work on them. */
function rememberingTime(): (at: Instant) => string {
  let known: number | undefined;
  let text = "";
  return (at) => {
    const millisecond = Math.trunc(at);
    if (millisecond !== known) text = timeText(millisecond);
    known = millisecond;
    return text;
  };
}

function partition<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}
