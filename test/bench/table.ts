import type { RowResult } from "./run.js";
import { type Scenario, type Topic, topics, type Unit, type Yardstick, yardsticks } from "./scenario.js";
import type { Summary } from "./summary.js";

/** The tables of one topic and yardstick: they are written, and replaced, together. */
export interface ResultPart {
  readonly topic: Topic;
  readonly yardstick: Yardstick;
  readonly text: string;
}

/** Of every topic, and yardstick that something of it was measured beside, with what of `all` is not in it. */
export function results(
  rows: readonly RowResult[],
  memory: readonly RowResult[],
  all: readonly Scenario[],
): ResultPart[] {
  const kinds = topics.flatMap((topic) => yardsticks.map((yardstick) => ({ topic, yardstick })));
  return kinds.flatMap(({ topic, yardstick }) => {
    const names = all
      .filter(({ beside = "buildx", topic: of = topics[0] }) => beside === yardstick && of === topic)
      .map(({ name }) => name);
    const of = (one: readonly RowResult[]) => one.filter(({ scenario }) => names.includes(scenario));
    const [measured, remembered] = [of(rows), of(memory)];
    if (measured.length === 0) return [];
    const missing = names.filter((name) => !measured.some(({ scenario }) => scenario === name));
    const tables = [
      table(measured, yardstick),
      ...(remembered.length > 0 ? [memoryTable(remembered, yardstick)] : []),
      ...(missing.length > 0 ? [`Not in this run: ${missing.join(", ")}.`] : []),
    ];
    return [{ topic, yardstick, text: tables.join("\n\n") }];
  });
}

/** A Markdown table whose columns are aligned, so that it reads as well in a terminal. */
function table(results: readonly RowResult[], yardstick: Yardstick): string {
  const alone = yardstick === "nothing";
  return aligned([
    [
      "scenario",
      "galley: median (min–max)",
      ...(alone ? [] : [`${yardstick}: median (min–max)`, "ratio"]),
      "target",
      "met",
    ],
    ...results.map((result) => [
      result.row.title,
      summary(result.subject, result.row.unit),
      ...(alone ? [] : beside(result)),
      result.row.target?.text ?? "–",
      result.met === undefined ? "–" : result.met ? "yes" : "**no**",
    ]),
  ]);
}

function memoryTable(results: readonly RowResult[], yardstick: Yardstick): string {
  return aligned([
    ["peak memory", "galley: median (min–max)", `${yardstick}: median (min–max)`, "ratio"],
    ...results.map((result) => [
      result.row.title,
      summary(result.subject, result.row.unit),
      ...beside(result),
    ]),
  ]);
}

const beside = ({ row, yardstick, yardstickFailed, ratio }: RowResult): string[] => [
  yardstick ? summary(yardstick, row.unit) : (yardstickFailed ?? "–"),
  ratio === undefined ? "–" : `${ratio.toPrecision(2)} ×`,
];

function summary({ median, min, max, samples }: Summary, unit: Unit = "s"): string {
  const middle = `${shown(median, unit)} ${unit}`;
  return samples.length === 1 ? middle : `${middle} (${shown(min, unit)}–${shown(max, unit)})`;
}

export function shown(value: number, unit: Unit): string {
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
