import type { Bench } from "./bench.js";
import type { Measured } from "./measure.js";

/** Something that both tools are given to do. */
export interface Scenario {
  /** For --only. */
  readonly name: string;
  /** One line for the help. */
  readonly summary: string;
  /** A sentence when this engine cannot do it. */
  readonly unavailable?: (bench: Bench) => string | undefined;
  /** One sample, without a warm-up: for what takes long and is looked at for something else than time. */
  readonly once?: boolean;
  setUp(bench: Bench): Promise<Prepared>;
}

export interface Prepared {
  /** Run in turn: A B A B. */
  readonly contenders: readonly Contender[];
  readonly rows: readonly Row[];
  /** Of the table of peak memory. Default: `rows` that show the time of the whole run. */
  readonly memoryRows?: readonly Row[];
  /** Whether the tools made the same: throws when not. Called once, after all runs. */
  readonly verify?: () => Promise<void>;
}

export interface Contender {
  readonly name: string;
  /** A failure that is the tool's own and known: it is left out from then on, and the table says why. */
  readonly knownFailure?: { readonly pattern: RegExp; readonly words: string };
  /** Outside the clock. Run 0 is the warm-up. */
  readonly before?: (run: number) => Promise<void>;
  readonly run: (run: number) => Promise<Measured>;
  /** Outside the clock: throws when the result is not what it should be; returns what else was measured. */
  readonly after?: (run: number, measured: Measured) => Promise<Figures> | Figures;
}

/** Beside `wallMs` and `peakBytes`, which every run has. */
export type Figures = Readonly<Record<string, number>>;

/** One line of the table. */
export interface Row {
  readonly title: string;
  readonly subject: string;
  /** The contender to compare with. */
  readonly yardstick?: string;
  /** Default: `wallMs`. */
  readonly figure?: string;
  /** Default: "s", of milliseconds. */
  readonly unit?: Unit;
  readonly target?: Target;
}

/** How a figure is shown. Milliseconds become s or ms; bytes become MB (1,000,000). */
export type Unit = "s" | "ms" | "MB" | "MB/s" | "files/s" | "lines";

export interface Target {
  readonly text: string;
  /** `ratio` is subject by yardstick, of medians; `median` is the subject's, in ms, bytes or the rate itself. */
  readonly met: (median: number, ratio: number) => boolean;
}

export const target = {
  /** At most this share of the yardstick. */
  atMost: (share: number): Target => ({
    text: `≤ ${share} × buildx`,
    met: (_, ratio) => ratio <= share,
  }),
  /** At least this share of the yardstick, for rates. */
  atLeast: (share: number): Target => ({
    text: `≥ ${share} × buildx`,
    met: (_, ratio) => ratio >= share,
  }),
  timesFaster: (times: number): Target => ({
    text: `≥ ${times} × faster`,
    met: (_, ratio) => ratio <= 1 / times,
  }),
  within: (ms: number): Target => ({ text: `≤ ${ms} ms`, met: (median) => median <= ms }),
};
