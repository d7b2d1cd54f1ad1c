import type { Bench } from "./bench.js";
import type { Measured } from "./measure.js";

/** What galley is measured beside, which is a table of its own: the same work by another tool, or nothing but the target. */
export const yardsticks = ["buildx", "compose", "nothing"] as const;
export type Yardstick = (typeof yardsticks)[number];

/** What has tables of its own whatever it is measured beside, so that it can be measured by itself. */
export const topics = ["builds and previews", "caches"] as const;
export type Topic = (typeof topics)[number];

/** Something that is given to galley and, where there is one, to another tool. */
export interface Scenario {
  /** For --only. */
  readonly name: string;
  /** One line for the help. */
  readonly summary: string;
  /** Default: buildx. */
  readonly beside?: Yardstick;
  /** Default: builds and previews. */
  readonly topic?: Topic;
  /** Base images beside busybox, as base-images.sh calls them. Default: node:22. */
  readonly images?: readonly string[];
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
  /** After all, whatever has happened. */
  readonly close?: () => Promise<void>;
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
export type Unit =
  | "s"
  | "ms"
  | "MB"
  | "MB/s"
  | "files/s"
  | "lines"
  | "lines/s"
  | "a minute"
  | "calls"
  | "requests";

export interface Target {
  readonly text: string;
  /** `ratio` is subject by yardstick, of medians; `median` is the subject's, in ms, bytes or the rate itself. */
  readonly met: (median: number, ratio: number) => boolean;
}

export const target = {
  /** At most this share of buildx's. */
  atMost: (share: number): Target => ({
    text: `≤ ${share} × buildx`,
    met: (_, ratio) => ratio <= share,
  }),
  /** At least this share of buildx's, for rates. */
  atLeast: (share: number): Target => ({
    text: `≥ ${share} × buildx`,
    met: (_, ratio) => ratio >= share,
  }),
  timesFaster: (times: number): Target => ({
    text: `≥ ${times} × faster`,
    met: (_, ratio) => ratio <= 1 / times,
  }),
  within: (ms: number): Target => ({ text: `≤ ${ms} ms`, met: (median) => median <= ms }),
  megabytes: (most: number): Target => ({ text: `≤ ${most} MB`, met: (bytes) => bytes <= most * 1e6 }),
};
