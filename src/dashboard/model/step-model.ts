import { count, type Fields, text, textOrNull, texts, time } from "./read.js";
import { type StepName, stepName } from "./step-name.js";

export const stepStates = ["waiting", "running", "done", "cached", "failed", "cancelled"] as const;
export type StepState = (typeof stepStates)[number];

/** A time in which a step ran, milliseconds since 1970; `to` is absent while it does. */
export interface Run {
  readonly from: number;
  readonly to?: number;
}

/** Bytes of a context, a layer or an export on their way. */
export interface Transfer {
  readonly current: number;
  /** 0 when unknown. */
  readonly total: number;
  readonly done: boolean;
}

/** Steps are stopped and resumed a few times at most; what is beyond is a broken stream's. */
const mostRuns = 64;
const mostTransfers = 2000;

/** One step of a build, as the last event about it says, with the runs of those before. */
export class StepModel {
  readonly id: string;
  /** Order of announcement, from 0. */
  readonly order: number;
  /** Number of the list of its lines in the log store. */
  readonly log: number;
  name: StepName = stepName("");
  state: StepState = "waiting";
  runs: readonly Run[] = [];
  inputs: readonly string[] = [];
  error: string | null = null;
  /** Output was dropped, by the daemon or by the agent. */
  clipped = false;
  warnings = 0;
  /** Milliseconds of all runs, as the last event says; counted on by `durationAt` while it runs. */
  #duration = 0;
  readonly #transfers = new Map<string, Transfer>();

  constructor(id: string, order: number, log: number) {
    this.id = id;
    this.order = order;
    this.log = log;
  }

  update(event: Fields): void {
    const state = stepStates.find((one) => one === event.state);
    if (state === undefined) return;
    this.state = state;
    if (event.name) this.name = stepName(text(event.name));
    this.inputs = texts(event.inputs);
    this.error = textOrNull(event.error);
    this.#duration = count(event.duration);
    const from = time(event.since) ?? time(event.started);
    if (from === undefined) return;
    const to = time(event.completed);
    const run = to === undefined ? { from } : { from, to: Math.max(from, to) };
    // A run that is reported again replaces what was said of it before.
    const last = this.runs.at(-1);
    const kept = last?.from === from ? this.runs.slice(0, -1) : this.runs.map(closedBefore(from));
    this.runs = [...kept.slice(-mostRuns + 1), run];
  }

  transfer(event: Fields): void {
    const id = text(event.transfer);
    if (!this.#transfers.has(id) && this.#transfers.size >= mostTransfers) return;
    this.#transfers.set(id, {
      current: count(event.current),
      total: count(event.total),
      done: event.done === true,
    });
  }

  get started(): number | undefined {
    return this.runs[0]?.from;
  }

  get ended(): number | undefined {
    return this.runs.at(-1)?.to;
  }

  durationAt(now: number): number {
    const last = this.runs.at(-1);
    if (this.state !== "running" || last === undefined || last.to !== undefined) return this.#duration;
    const before = this.runs.slice(0, -1).reduce((sum, { from, to }) => sum + ((to ?? from) - from), 0);
    return before + Math.max(0, now - last.from);
  }

  /** Bytes that came or went, and of how many; layers that are unpacked after they came are not counted twice. */
  get bytes(): { readonly current: number; readonly total: number } {
    let current = 0;
    let total = 0;
    for (const [id, transfer] of this.#transfers) {
      if (/^(extracting|resolve|exporting|naming|unpacking|preparing) /.test(id)) continue;
      current += transfer.current;
      total += Math.max(transfer.total, transfer.current);
    }
    return { current, total };
  }
}

const closedBefore =
  (from: number) =>
  (run: Run): Run =>
    run.to === undefined || run.to > from ? { from: run.from, to: Math.max(run.from, from) } : run;
