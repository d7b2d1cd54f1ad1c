import { type Failure, readFailure } from "./failure.js";
import type { LogStore } from "./log-store.js";
import { count, type Fields, fields, isFields, text, textOrNull, texts, time } from "./read.js";
import { StepModel } from "./step-model.js";

export interface Lines {
  readonly start: number;
  readonly end: number;
}

export interface BuildWarning {
  readonly rule: string | null;
  readonly message: string;
  readonly detail: readonly string[];
  readonly url: string | null;
  readonly filename: string | null;
  readonly lines: readonly Lines[];
}

export interface BuildEnd {
  readonly outcome: "built" | "reused" | "failed" | "cancelled";
  readonly image: string | null;
  /** Milliseconds. */
  readonly duration: number;
  readonly steps: { readonly total: number; readonly cached: number };
  /** What had to be sent of the context; null where that is not known. */
  readonly sent: { readonly files: number; readonly bytes: number } | null;
  readonly error: Failure | null;
}

const outcomes = ["built", "reused", "failed", "cancelled"] as const;
/** More is a broken or hostile stream's; nobody could look at it. */
const mostSteps = 20_000;
const mostWarnings = 2000;

/** One service's build, folded from its events. Their order matters only where one replaces another of the same step. */
export class BuildModel {
  readonly #logs: LogStore;
  /** Lists of the log store that every line of the build belongs to beside its step's. */
  readonly #places: readonly number[];
  readonly #steps = new Map<string, StepModel>();
  readonly #lines = new Map<string, readonly Lines[]>();
  readonly #vertices = new Map<string, readonly string[]>();
  readonly warnings: BuildWarning[] = [];
  readonly notes: string[] = [];
  filename: string | null = null;
  /** Milliseconds since 1970. */
  startedAt: number | undefined;
  endedAt: number | undefined;
  end: BuildEnd | undefined;

  constructor(logs: LogStore, places: readonly number[]) {
    this.#logs = logs;
    this.#places = places;
  }

  /**
   * BuildKit's own preparations, then the Dockerfile's steps in its order, then what comes after them. None changes its place: where
   * a step stands in the Dockerfile is told before it runs.
   */
  get steps(): StepModel[] {
    const rank = (step: StepModel): number => {
      const line = this.lines(step)[0]?.start;
      if (line !== undefined) return line;
      return step.name.internal ? -1 : step.name.place !== null ? mostSteps : Number.MAX_SAFE_INTEGER;
    };
    return [...this.#steps.values()]
      .filter(({ name }) => name.label !== "")
      .map((step) => ({ step, rank: rank(step) }))
      .sort((a, b) => a.rank - b.rank || a.step.order - b.step.order)
      .map(({ step }) => step);
  }

  step(id: string): StepModel | undefined {
    return this.#steps.get(id);
  }

  /** Lines of the Dockerfile that a step comes from. */
  lines(step: StepModel): readonly Lines[] {
    const vertices = this.#vertices.get(step.id) ?? [];
    for (const vertex of [step.id, ...vertices]) {
      const lines = this.#lines.get(vertex);
      if (lines !== undefined && lines.length > 0) return lines;
    }
    return [];
  }

  apply(type: string, event: Fields): void {
    switch (type) {
      case "build.started":
        this.startedAt ??= time(event.at);
        break;
      case "source_map":
        this.filename = textOrNull(event.filename);
        for (const { vertex, lines } of fields(event.steps)) this.#lines.set(text(vertex), readLines(lines));
        break;
      case "step.updated": {
        const step = this.#own(text(event.step));
        step?.update(event);
        if (step) this.#vertices.set(step.id, texts(event.vertices));
        break;
      }
      case "step.log":
        this.#log(event);
        break;
      case "transfer":
        this.#own(text(event.step))?.transfer(event);
        break;
      case "warning":
        this.#warn(event);
        break;
      case "build.note":
        if (this.notes.length < mostWarnings) this.notes.push(text(event.text));
        break;
      case "build.finished":
        this.endedAt = time(event.at);
        this.end = readEnd(event);
        break;
    }
  }

  #log(event: Fields): void {
    const step = this.#own(text(event.step));
    if (step === undefined) return;
    const lists = [step.log, ...this.#places];
    if (event.clipped === true) step.clipped = true;
    const sentAt = time(event.at) ?? 0;
    for (const line of fields(event.lines))
      this.#logs.append(lists, {
        text: text(line.text),
        stderr: line.stream === "stderr",
        at: time(line.at) ?? sentAt,
      });
  }

  #warn(event: Fields): void {
    if (this.warnings.length >= mostWarnings) return;
    const step = textOrNull(event.step);
    const known = step === null ? undefined : this.#steps.get(step);
    if (known) known.warnings += 1;
    this.warnings.push({
      rule: textOrNull(event.rule),
      message: text(event.message),
      detail: texts(event.detail),
      url: textOrNull(event.url),
      filename: textOrNull(event.filename),
      lines: readLines(event.lines),
    });
  }

  #own(id: string): StepModel | undefined {
    const known = this.#steps.get(id);
    if (known !== undefined || id === "" || this.#steps.size >= mostSteps) return known;
    const step = new StepModel(id, this.#steps.size, this.#logs.list());
    this.#steps.set(id, step);
    return step;
  }
}

const readLines = (value: unknown): Lines[] =>
  fields(value).map(({ start, end }) => ({ start: count(start), end: count(end) }));

function readEnd(event: Fields): BuildEnd | undefined {
  const outcome = outcomes.find((one) => one === event.outcome);
  if (outcome === undefined) return undefined;
  const steps = isFields(event.steps) ? event.steps : {};
  return {
    outcome,
    image: textOrNull(event.image),
    duration: count(event.duration),
    steps: { total: count(steps.total), cached: count(steps.cached) },
    sent: isFields(event.sent) ? { files: count(event.sent.files), bytes: count(event.sent.bytes) } : null,
    error: readFailure(event.error),
  };
}
