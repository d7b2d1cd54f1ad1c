import type { BuildProgress } from "./model.js";
import type { Step } from "./step.js";
import type { LogLine } from "./step-log.js";
import { logRow, type RowStyle, stepRow, transferRow } from "./tty-row.js";

const transfersOfStep = 5;
const mostLogs = 200;

/** What a section has to show, before anyone knows how much room there is. */
export interface Section {
  readonly steps: readonly Step[];
  readonly running: readonly RunningStep[];
  /** Rows that would show all of it. */
  readonly wanted: number;
}

interface RunningStep {
  readonly step: Step;
  readonly transfers: Step["transfers"];
  readonly lines: readonly LogLine[];
}

/**
 * `rows` is the most that can be shown of steps that run: the logs of more are not looked at. `finished` limits how many
 * steps that are over are wanted; failed ones always are.
 */
export function section(
  progress: BuildProgress,
  logRows: number,
  rows: number,
  finished = Number.POSITIVE_INFINITY,
): Section {
  const all = progress.started;
  const isLive = (step: Step) => step.state === "running" || step.state === "failed";
  const over = all.filter((step) => !isLive(step));
  const kept = new Set(
    finished === Number.POSITIVE_INFINITY ? over : finished === 0 ? [] : over.slice(-finished),
  );
  const steps = all.filter((step) => isLive(step) || kept.has(step));
  const running = steps
    .filter(isLive)
    .slice(-Math.min(rows, mostLogs))
    .map((step) => ({
      step,
      transfers: step.transfers
        .filter(({ completed }) => completed === undefined && step.state === "running")
        .slice(0, transfersOfStep),
      lines: lastLines(step, logRows),
    }));
  const extras = running.reduce((sum, { transfers, lines }) => sum + transfers.length + lines.length, 0);
  return { steps, running, wanted: steps.length + extras };
}

// Empty lines say nothing in a window of a few rows.
function lastLines(step: Step, count: number): LogLine[] {
  if (count === 0) return [];
  const tail = step.log.tail(count * 2).filter(({ text }) => text.trim() !== "");
  return tail.slice(-count);
}

/** At most `rows` rows: every step that runs or failed first, then logs and transfers, then steps that are over. */
export function sectionRows(
  { steps, running }: Section,
  progress: BuildProgress,
  options: { readonly style: RowStyle; readonly rows: number; readonly indent: string; readonly now: number },
): string[] {
  const { style, rows, indent, now } = options;
  if (rows <= 0) return [];
  const wants = running.map(({ transfers, lines }) => transfers.length + lines.length);
  const wanted = wants.reduce((sum, want) => sum + want, 0);
  // Steps that are over leave their rows to what happens now, but not more than half of them.
  const reserved = Math.min(wanted, Math.max(Math.floor(rows / 2), rows - steps.length));
  const shown = selectSteps(steps, rows - reserved);
  const omitted = steps.length - shown.length;
  const shares = share(rows - shown.length - (omitted > 0 ? 1 : 0), wants);
  const out: string[] = [];
  if (omitted > 0)
    out.push(style.paint("quiet", `${indent}⋮ ${omitted} more ${omitted === 1 ? "step" : "steps"}`));
  for (const step of shown) {
    out.push(stepRow(style, indent, step, progress.duration(step, now)));
    const at = running.findIndex((candidate) => candidate.step === step);
    const of = running[at];
    if (of === undefined) continue;
    const room = shares[at] ?? 0;
    const transfers = of.transfers.slice(0, of.lines.length > 0 ? Math.ceil(room / 2) : room);
    for (const transfer of transfers)
      out.push(transferRow(style, `${indent}  `, transfer, now - progress.skew));
    const left = room - transfers.length;
    if (left > 0) for (const line of of.lines.slice(-left)) out.push(logRow(style, `${indent}  `, line));
  }
  return out.slice(0, rows);
}

/** All of them when they fit; else one row less, for the row that says how many are missing. In order, live ones first. */
function selectSteps(steps: readonly Step[], rows: number): readonly Step[] {
  if (steps.length <= rows) return steps;
  const room = Math.max(1, rows - 1);
  const live = steps.filter(({ state }) => state === "running" || state === "failed").slice(-room);
  const others = steps.filter((step) => !live.includes(step));
  const kept = new Set([...live, ...(room > live.length ? others.slice(live.length - room) : [])]);
  return steps.filter((step) => kept.has(step));
}

/** Shares out rows evenly; what one does not want is for the others. */
export function share(rows: number, wants: readonly number[]): number[] {
  const given = wants.map(() => 0);
  let left = rows;
  while (left > 0) {
    const hungry = wants.flatMap((want, at) => ((given[at] ?? 0) < want ? [at] : []));
    if (hungry.length === 0) break;
    const each = Math.max(1, Math.floor(left / hungry.length));
    for (const at of hungry) {
      const more = Math.min(each, (wants[at] ?? 0) - (given[at] ?? 0), left);
      given[at] = (given[at] ?? 0) + more;
      left -= more;
    }
  }
  return given;
}
