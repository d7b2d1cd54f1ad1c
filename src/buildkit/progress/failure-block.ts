import type { BuildKitError } from "../errors.js";
import { cellWidth, fitCells, wrapCells } from "./cell-width.js";
import { formatDuration } from "./format.js";
import { type Paint, type Palette, painter } from "./palette.js";
import { safeLine, safeName } from "./terminal-text.js";

export interface FailureBlockOptions {
  readonly color: boolean;
  readonly palette?: Palette | undefined;
  /** Cells of a row. Default 80. */
  readonly columns?: number | undefined;
  /** The service that could not be built, where there are several. */
  readonly build?: string | undefined;
  /** Milliseconds that the failed step ran. */
  readonly ranFor?: number | undefined;
  /** What the step printed, oldest first: taken where it is more than the error itself has. */
  readonly logTail?: readonly string[] | undefined;
  /** How much of the log is shown. Default 20 lines. */
  readonly logLines?: number | undefined;
}

const narrowest = 20;

/**
 * A failed build as a person should meet it: the sentence, the lines of the Dockerfile, the last lines of the log, what to
 * do. Ends with a line end. Nothing in it can act on the terminal.
 */
export function renderFailure(error: BuildKitError, options: FailureBlockOptions): string {
  const paint = painter(options.color, options.palette);
  const columns = Math.max(narrowest, options.columns || 80);
  const { failure } = error;
  const sentence =
    options.build === undefined
      ? error.message
      : `${safeName(options.build)} could not be built: ${error.message}`;
  const lines = wrapCells(safe(sentence), columns - 2).map(
    (line, index) => `${index === 0 ? `${paint("error", "✕")} ` : "  "}${paint("strong", line)}`,
  );

  if (failure?.dockerfile) lines.push(...excerpt(failure.dockerfile, columns, paint, options.ranFor));
  else if (failure?.step)
    lines.push(`  ${paint("quiet", "at")} ${fitCells(safeName(failure.step), columns - 5)}`);

  const told = failure?.logTail ?? [];
  const seen = options.logTail ?? [];
  const tail = seen.length > told.length ? seen : told;
  const shown = tail.slice(-(options.logLines ?? 20));
  if (shown.length > 0) {
    lines.push("");
    // Not cut to the width of the terminal: this is the place where the whole line is wanted.
    for (const line of shown) lines.push(`  ${paint("quiet", "│")} ${safeLine(line, options.color)}`);
  }
  if (error.hint) {
    lines.push("");
    wrapCells(safe(error.hint), columns - 14).forEach((line, index) => {
      lines.push(index === 0 ? `  ${paint("strong", "What to do:")} ${line}` : `${" ".repeat(14)}${line}`);
    });
  }
  return `${lines.join("\n")}\n`;
}

function excerpt(
  dockerfile: NonNullable<NonNullable<BuildKitError["failure"]>["dockerfile"]>,
  columns: number,
  paint: Paint,
  ranFor: number | undefined,
): string[] {
  const failed = dockerfile.excerpt.filter((line) => line.failed);
  const first = failed[0]?.line;
  const lines = [`  ${safeName(dockerfile.name)}${first === undefined ? "" : `:${first}`}`];
  const digits = String(dockerfile.excerpt.at(-1)?.line ?? 0).length;
  for (const line of dockerfile.excerpt) {
    const number = String(line.line).padStart(digits);
    const gutter = line.failed
      ? `${paint("error", "❯")} ${paint("strong", number)}`
      : `  ${paint("quiet", number)}`;
    const code = safeLine(line.text, false);
    const last = ranFor !== undefined && line === failed.at(-1);
    const mark = last ? `   ← failed after ${formatDuration(ranFor)}` : "";
    const room = columns - 7 - digits;
    const marked = cellWidth(code) + cellWidth(mark) <= room;
    lines.push(`  ${gutter} ${paint("quiet", "│")} ${code}${marked ? paint("error", mark) : ""}`);
    if (mark && !marked) lines.push(`  ${" ".repeat(digits + 5)}${paint("error", mark.trim())}`);
  }
  return lines;
}

/** Safe line by line: the line breaks in it are wanted. */
const safe = (text: string) =>
  text
    .split("\n")
    .map((line) => safeLine(line, false))
    .join("\n");
