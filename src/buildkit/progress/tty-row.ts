import { cellWidth, fitCells, padCells } from "./cell-width.js";
import { formatBytes, formatDuration } from "./format.js";
import type { Meaning, Paint } from "./palette.js";
import type { Step, StepState, Transfer } from "./step.js";
import type { LogLine } from "./step-log.js";
import { safeLine, safeName } from "./terminal-text.js";

/** How the rows of a frame are written. */
export interface RowStyle {
  /** Cells of a row, one less than the terminal has: what fills the last one is wrapped by some terminals. */
  readonly columns: number;
  readonly paint: Paint;
  readonly color: boolean;
}

export const marks: Readonly<Record<StepState, readonly [mark: string, meaning: Meaning]>> = {
  waiting: ["○", "quiet"],
  running: ["●", "run"],
  done: ["✓", "done"],
  cached: ["✓", "done"],
  failed: ["✕", "error"],
  cancelled: ["◌", "cancel"],
};

const barCells = 16;
const narrowForBars = 60;
/** Bytes below which the size of what a step moved is noise. */
const worthSaying = 100_000;
const timeCells = 9;

/** `left` is `width` cells of painted text; then the name, as much as fits; then `right`, at the right edge. */
export function row(style: RowStyle, left: string, name: string, right: string, meaning?: Meaning): string {
  const room = style.columns - cellWidth(left) - cellWidth(right) - 2;
  if (room < 8) return left + fitCells(name, style.columns - cellWidth(left));
  const shown = padCells(name, room);
  return `${left}${meaning ? style.paint(meaning, shown) : shown}  ${right}`;
}

export function stepRow(style: RowStyle, indent: string, step: Step, duration: number): string {
  const { state } = step;
  const [mark, meaning] = marks[state];
  const words: Partial<Record<StepState, string>> = {
    cached: "cached",
    cancelled: "cancelled",
    waiting: "waiting",
  };
  const word = words[state];
  const moved = step.transfers.reduce((sum, { id, current }) => sum + (isMoved(id) ? current : 0), 0);
  const size = moved >= worthSaying && style.columns >= narrowForBars ? `${formatBytes(moved)} ` : "";
  const failed = state === "failed" ? "failed " : "";
  const time = word ?? `${failed}${formatDuration(duration)}`;
  const right = style.paint(rightMeaning(state), `${size}${time.padStart(timeCells)}`);
  const quiet = state !== "running" && state !== "failed" && step.name.startsWith("[internal]");
  return row(
    style,
    `${indent}${style.paint(meaning, mark)} `,
    safeName(step.name),
    right,
    quiet ? "quiet" : undefined,
  );
}

const rightMeaning = (state: StepState): Meaning =>
  state === "failed" ? "error" : state === "running" ? "strong" : state === "cancelled" ? "cancel" : "quiet";

// Unpacking counts the same bytes again.
const isMoved = (id: string) => id.startsWith("sha256:") || id.startsWith("transferring");

export function transferRow(style: RowStyle, indent: string, transfer: Transfer, now: number): string {
  const { id, current, total, started } = transfer;
  const name = safeName(id.replace(/(sha256:[0-9a-f]{12})[0-9a-f]+/g, "$1").replace(/:$/, ""));
  const size =
    total > 0 ? `${formatBytes(current)} / ${formatBytes(total)}` : current > 0 ? formatBytes(current) : "";
  const bar =
    total > 0 && style.columns >= narrowForBars ? `${progressBar(current / total, style.paint)}  ` : "";
  const time = started === undefined ? "" : formatDuration(now - started).padStart(timeCells);
  return row(
    style,
    `${indent}${style.paint("run", "↓")} `,
    name,
    `${bar}${size.padStart(20)}${style.paint("quiet", time)}`,
    "quiet",
  );
}

export function logRow(style: RowStyle, indent: string, line: LogLine): string {
  const left = `${indent}${style.paint("quiet", "│")} `;
  const text = safeLine(line.text.length > 4096 ? clip(line.text) : line.text, style.color);
  return (
    left +
    style.paint(
      line.clipped === undefined ? "quiet" : "warning",
      fitCells(text, style.columns - cellWidth(left)),
    )
  );
}

// Of a long line with carriage returns the end is what shows.
const clip = (text: string) => (text.includes("\r") ? text.slice(-4096) : text.slice(0, 4096));

function progressBar(share: number, paint: Paint): string {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * barCells);
  return paint("run", "━".repeat(filled)) + paint("quiet", "─".repeat(barCells - filled));
}
