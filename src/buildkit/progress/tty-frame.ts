import { cellWidth, fitCells, padCells } from "./cell-width.js";
import { formatDuration, formatSent } from "./format.js";
import type { BuildProgress } from "./model.js";
import type { Meaning } from "./palette.js";
import type { BuildOutcome } from "./renderer.js";
import { safeName } from "./terminal-text.js";
import { type RowStyle, row } from "./tty-row.js";
import { section, sectionRows, share } from "./tty-section.js";

/** One build as the terminal shows it. */
export interface BuildView {
  /** Undefined when it is the only one. */
  readonly name: string | undefined;
  readonly progress: BuildProgress;
  outcome: BuildOutcome | undefined;
  note: string | undefined;
}

export interface FrameOptions {
  readonly style: RowStyle;
  /** Rows that the frame may take; unlimited for the last one, which may scroll. */
  readonly rows: number;
  /** Our time. */
  readonly now: number;
  /** When the first build began, in our time. */
  readonly began: number;
  readonly logRows: number;
}

const widestName = 24;
const finishedStepsOfService = 2;

const outcomes: Readonly<
  Record<BuildOutcome["kind"] | "building" | "waiting", readonly [string, Meaning, string]>
> = {
  waiting: ["○", "quiet", "waiting"],
  building: ["●", "run", "building"],
  built: ["✓", "done", "built"],
  reused: ["✓", "done", "reused"],
  failed: ["✕", "error", "failed"],
  cancelled: ["◌", "cancel", "cancelled"],
};

function stateOf(view: BuildView): keyof typeof outcomes {
  return view.outcome?.kind ?? (view.progress.started.length > 0 ? "building" : "waiting");
}

/** The rows of one picture, top first; a pure function of the builds, the time and the size. */
export function frame(views: readonly BuildView[], options: FrameOptions): string[] {
  const [only] = views;
  return views.length === 1 && only?.name === undefined && only !== undefined
    ? single(only, options)
    : several(views, options);
}

function single(view: BuildView, { style, rows, now, began, logRows }: FrameOptions): string[] {
  const state = stateOf(view);
  const [mark, meaning, word] = outcomes[state];
  const title = `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`;
  const { total, completed, cached } = view.progress.summary();
  const counts =
    total === 0
      ? ""
      : `  ${completed} of ${total} steps${cached > 0 ? `, ${cached} cached` : ""}${sentBy(view.outcome)}`;
  const note = view.note === undefined ? "" : `  ${view.note}`;
  const left = `${style.paint(meaning, mark)} ${style.paint("strong", title)}`;
  const head = row(style, left, `${counts}${note}`, style.paint("strong", formatDuration(now - began)));
  // A last frame has no room to save, and what a failed step printed follows below it.
  const ended = view.outcome !== undefined;
  const content = section(view.progress, ended ? 0 : logRows, rows);
  const steps = sectionRows(content, view.progress, { style, rows: rows - 1, indent: "  ", now });
  return [head, ...steps, ...imageRow(view.outcome, style)].slice(0, rows);
}

function sentBy(outcome: BuildOutcome | undefined): string {
  return outcome?.kind === "built" && outcome.sent ? `, ${formatSent(outcome.sent)} sent` : "";
}

// What was made and is known by, under the last picture: the exporter's own statuses are gone by then.
function imageRow(outcome: BuildOutcome | undefined, style: RowStyle): string[] {
  if (outcome?.kind !== "built" || !outcome.names?.length) return [];
  const what = [...outcome.names, outcome.image ?? ""].map((text) => safeName(text));
  return [fitCells(`  → ${what.join("  ").trimEnd()}`, style.columns)];
}

function several(views: readonly BuildView[], { style, rows, now, began, logRows }: FrameOptions): string[] {
  const over = views.filter(({ outcome }) => outcome !== undefined).length;
  const failed = views.filter(({ outcome }) => outcome?.kind === "failed").length;
  const [mark, meaning] = outcomes[failed > 0 ? "failed" : over === views.length ? "built" : "building"];
  const title = over === views.length ? "Finished" : "Building";
  const counts = `  ${over} of ${views.length} done${failed > 0 ? `, ${failed} failed` : ""}`;
  const time = style.paint("strong", formatDuration(now - began));
  const out = [row(style, `${style.paint(meaning, mark)} ${style.paint("strong", title)}`, counts, time)];

  const nameCells = Math.min(
    widestName,
    Math.max(...views.map(({ name }) => cellWidth(safeName(name ?? "build")))),
  );
  const visible = selectViews(views, rows - 1);
  if (visible.length < views.length)
    out.push(style.paint("quiet", `  ⋮ ${views.length - visible.length} more`));
  const sections = visible.map((view) =>
    stateOf(view) === "building" ? section(view.progress, logRows, rows, finishedStepsOfService) : undefined,
  );
  const shares = share(
    rows - out.length - visible.length,
    sections.map((content) => content?.wanted ?? 0),
  );
  visible.forEach((view, at) => {
    out.push(serviceRow(view, style, nameCells, now));
    const content = sections[at];
    if (content)
      out.push(...sectionRows(content, view.progress, { style, rows: shares[at] ?? 0, indent: "    ", now }));
  });
  return out.slice(0, rows);
}

function serviceRow(view: BuildView, style: RowStyle, nameCells: number, now: number): string {
  const state = stateOf(view);
  const [mark, meaning, word] = outcomes[state];
  const { total, completed, cached } = view.progress.summary();
  const counts =
    state === "building"
      ? `${completed} of ${total} steps`
      : state === "failed" && view.outcome?.kind === "failed"
        ? safeName(view.outcome.error.message, 200)
        : cached > 0
          ? `${cached} of ${total} steps cached`
          : "";
  const note = view.note === undefined ? "" : `${view.note}  `;
  const name = style.paint("strong", padCells(safeName(view.name ?? "build"), nameCells));
  const left = `  ${style.paint(meaning, mark)} ${name}  ${style.paint(meaning, word.padEnd(9))} `;
  const elapsed = view.progress.elapsed(now);
  return row(
    style,
    left,
    `${note}${counts}`,
    style.paint("quiet", elapsed > 0 ? formatDuration(elapsed) : ""),
  );
}

/** All of them when they fit; else those that run or failed are kept first. In order. */
function selectViews(views: readonly BuildView[], rows: number): readonly BuildView[] {
  if (views.length <= rows) return views;
  const rank = (view: BuildView) => ["failed", "building", "waiting"].indexOf(stateOf(view)) >>> 0;
  const kept = new Set([...views].sort((a, b) => rank(a) - rank(b)).slice(0, Math.max(0, rows - 1)));
  return views.filter((view) => kept.has(view));
}
