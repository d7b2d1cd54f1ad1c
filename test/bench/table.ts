import type { RowResult } from "./run.js";
import type { Unit } from "./scenario.js";
import type { Summary } from "./summary.js";

/** A Markdown table whose columns are aligned, so that it reads as well in a terminal. */
export function table(results: readonly RowResult[]): string {
  return aligned([
    ["scenario", "galley: median (min–max)", "buildx: median (min–max)", "ratio", "target", "met"],
    ...results.map(({ row, subject, yardstick, yardstickFailed, ratio, met }) => [
      row.title,
      summary(subject, row.unit),
      yardstick ? summary(yardstick, row.unit) : (yardstickFailed ?? "–"),
      ratio === undefined ? "–" : `${ratio.toPrecision(2)} ×`,
      row.target?.text ?? "–",
      met === undefined ? "–" : met ? "yes" : "**no**",
    ]),
  ]);
}

export function memoryTable(results: readonly RowResult[]): string {
  return aligned([
    ["peak memory", "galley: median (min–max)", "buildx: median (min–max)", "ratio"],
    ...results.map(({ row, subject, yardstick, yardstickFailed, ratio }) => [
      row.title,
      summary(subject, row.unit),
      yardstick ? summary(yardstick, row.unit) : (yardstickFailed ?? "–"),
      ratio === undefined ? "–" : `${ratio.toPrecision(2)} ×`,
    ]),
  ]);
}

function summary({ median, min, max, samples }: Summary, unit: Unit = "s"): string {
  const middle = `${shown(median, unit)} ${unit}`;
  return samples.length === 1 ? middle : `${middle} (${shown(min, unit)}–${shown(max, unit)})`;
}

function shown(value: number, unit: Unit): string {
  if (unit === "s") return (value / 1000).toFixed(2);
  if (unit === "MB" || unit === "MB/s") return (value / 1e6).toFixed(value < 10e6 ? 2 : 0);
  return value.toFixed(0);
}

function aligned([head = [], ...body]: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) =>
    Math.max(...[head, ...body].map((cells) => cells[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return [line(head), `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`, ...body.map(line)].join(
    "\n",
  );
}
