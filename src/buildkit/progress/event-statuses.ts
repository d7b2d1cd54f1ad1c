import type { BuildEvent, StepUpdated } from "./build-event.js";
import { instant } from "./time.js";
import type { SolveStatus, Vertex, VertexStatus, VertexWarning } from "./types.js";

/** What was last told of a step's runs. */
interface Runs {
  /** Begin of the last one. */
  readonly since: string;
  /** Milliseconds of those before it, and of all. */
  readonly before: number;
  readonly total: number;
}

const nothing: SolveStatus = { vertexes: [], statuses: [], logs: [], warnings: [] };

/**
 * Turns the events of one build back into status messages, so that whatever shows a build shows one that happens elsewhere. Equal
 * to the messages that `BuildEvents` was given in all that is shown, at the precision of events (milliseconds), but that a progress
 * group is one vertex here, and that of the steps that began in one message those that ended in it come last.
 */
export class EventStatuses {
  readonly #runs = new Map<string, Runs>();

  /** Undefined for events that no status message says anything of. */
  of(event: BuildEvent): SolveStatus | undefined {
    switch (event.type) {
      case "step.updated":
        return { ...nothing, vertexes: this.#vertexes(event) };
      case "step.log":
        return {
          ...nothing,
          logs: event.lines.map(({ stream, text, at: timestamp }) => ({
            vertex: event.step,
            stream: stream === "stderr" ? 2 : 1,
            data: Buffer.from(`${text}\n`),
            timestamp,
          })),
        };
      case "transfer":
        return { ...nothing, statuses: [transferStatus(event)] };
      case "warning":
        return { ...nothing, warnings: [vertexWarning(event)] };
      default:
        return undefined;
    }
  }

  // An event says when a step's last run began and ended, and how long all took; a message says the times of one run. Those before
  // the last become one, which keeps their sum.
  #vertexes(event: StepUpdated): Vertex[] {
    const { step, name, inputs, state, started, since, completed, duration } = event;
    const error = event.error ?? endOf[state];
    const vertex: Vertex = {
      digest: step,
      name,
      inputs,
      ...(state === "cached" ? { cached: true } : {}),
      ...(error === undefined ? {} : { error }),
    };
    if (started === null || since === null) return [vertex];
    if (started === since) {
      this.#runs.set(step, { since, before: 0, total: duration });
      return [{ ...vertex, started, ...(completed === null ? {} : { completed: later(started, duration) }) }];
    }
    const known = this.#runs.get(step);
    const last = completed === null ? 0 : between(since, completed);
    const before =
      completed !== null
        ? Math.max(0, duration - last)
        : ((known?.since === since ? known.before : known?.total) ?? 0);
    this.#runs.set(step, { since, before, total: before + last });
    return [
      { ...vertex, started, completed: later(started, before) },
      { ...vertex, started: since, ...(completed === null ? {} : { completed }) },
    ];
  }
}

// Of a step that ended with its build nobody has reported an error.
const endOf: Partial<Record<StepUpdated["state"], string>> = {
  cancelled: "context canceled",
  failed: "failed",
};

function transferStatus(event: Extract<BuildEvent, { type: "transfer" }>): VertexStatus {
  const { step, transfer, current, total, started, duration, done } = event;
  const timestamp = later(started, duration);
  return {
    id: transfer,
    vertex: step,
    current,
    ...(total === null ? {} : { total }),
    timestamp,
    started,
    ...(done ? { completed: timestamp } : {}),
  };
}

function vertexWarning(event: Extract<BuildEvent, { type: "warning" }>): VertexWarning {
  const { step, rule, message, detail, url, filename, lines } = event;
  const place = lines[0] ? ` (line ${lines[0].start})` : "";
  return {
    vertex: step ?? "",
    level: 1,
    short: rule === null ? message : `${rule}: ${message}${place}`,
    detail,
    ...(url === null ? {} : { url }),
    ...(filename === null ? {} : { sourceInfo: { filename } }),
    ranges: lines.map(({ start, end }) => ({ start: { line: start }, end: { line: end } })),
  };
}

/** The time so many milliseconds later; what is no time stays what it is. */
function later(time: string, milliseconds: number): string {
  const since = instant(time);
  const then = new Date((since ?? Number.NaN) + milliseconds);
  return Number.isNaN(then.getTime()) ? time : then.toISOString();
}

const between = (from: string, to: string): number => Math.max(0, (instant(to) ?? 0) - (instant(from) ?? 0));
