import type { BuildEvent, StepUpdated } from "./build-event.js";
import { instant } from "./time.js";
import type { SolveStatus, Vertex, VertexStatus, VertexWarning } from "./types.js";

interface Run {
  /** Of the run under way, or of the last one. */
  started: string;
  /** Milliseconds of the runs before it. */
  before: number;
  /** Milliseconds of all runs up to its end. */
  total: number;
  over: boolean;
}

const nothing: SolveStatus = { vertexes: [], statuses: [], logs: [], warnings: [] };

/**
 * Turns the events of one build back into status messages, so that whatever shows a build shows one that happens elsewhere. Equal
 * to the messages that `BuildEvents` was given in all that is shown, at the precision of events (milliseconds), but that a progress
 * group is one vertex here, that a step which is resumed is so at the time of its event, and that of the steps that began in one
 * message those that ended in it come last.
 */
export class EventStatuses {
  readonly #runs = new Map<string, Run>();

  /** Undefined for events that no status message says anything of. `at`: time of the event, from its envelope. */
  of(event: BuildEvent, at?: string): SolveStatus | undefined {
    switch (event.type) {
      case "step.updated":
        return { ...nothing, vertexes: [this.#vertex(event, at)] };
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

  #vertex(event: StepUpdated, at: string | undefined): Vertex {
    const error = event.error ?? endOf[event.state];
    const times = event.started === null ? {} : this.#times(event, event.started, at);
    return {
      digest: event.step,
      name: event.name,
      inputs: event.inputs,
      ...times,
      ...(event.state === "cached" ? { cached: true } : {}),
      ...(error === undefined ? {} : { error }),
    };
  }

  // An event says when a step first started, when it last ended and how long it ran in all; a message says the times of one run.
  #times(event: StepUpdated, first: string, at: string | undefined): { started: string; completed?: string } {
    const { step, completed, duration } = event;
    const run = this.#runs.get(step) ?? { started: first, before: 0, total: 0, over: false };
    this.#runs.set(step, run);
    if (run.over && (completed === null || duration > run.total)) {
      run.before = run.total;
      run.started = completed === null ? (at ?? run.started) : later(completed, run.before - duration);
      run.over = false;
    }
    if (completed === null) return { started: run.started };
    run.total = Math.max(duration, run.before);
    run.over = true;
    return { started: run.started, completed: later(run.started, run.total - run.before) };
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
