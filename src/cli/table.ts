import { safeName } from "../buildkit/index.js";

export type Tone = "good" | "busy" | "bad" | "quiet" | "strong";

export interface Cell {
  readonly text: string;
  readonly tone?: Tone | undefined;
}

const codes: Record<Tone, string> = { good: "32", busy: "36", bad: "31", quiet: "2", strong: "1" };

/** Colours are for terminals, and for nobody who has said NO_COLOR. */
export const hasColor = (stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): boolean =>
  Boolean(stream.isTTY) && !env.NO_COLOR && env.TERM !== "dumb";

export const painted = (text: string, tone: Tone | undefined, color: boolean): string =>
  color && tone ? `\u001b[${codes[tone]}m${text}\u001b[0m` : text;

/**
 * Rows below their headings, each column as wide as its widest cell. Cells may come from anywhere: nothing in them acts on the
 * terminal. Ends with a line end.
 */
export function table(
  headings: readonly string[],
  rows: readonly (readonly (Cell | string)[])[],
  color: boolean,
): string {
  const all: Cell[][] = [headings.map((text): Cell => ({ text, tone: "quiet" })), ...rows].map((row) =>
    row.map((cell) =>
      typeof cell === "string" ? { text: safeName(cell) } : { text: safeName(cell.text), tone: cell.tone },
    ),
  );
  const widths = headings.map((_, column) => Math.max(...all.map((row) => width(row[column]?.text ?? ""))));
  return all
    .map((row) => {
      const last = row.length - 1;
      const cells = row.map(({ text, tone }, column) => {
        const room = column === last ? 0 : (widths[column] ?? 0) - width(text);
        return painted(text, tone, color) + " ".repeat(Math.max(0, room));
      });
      return `${cells.join("   ").trimEnd()}\n`;
    })
    .join("");
}

/** Names and values below each other. Those without a value are left out. */
export function sheet(
  lines: readonly (readonly [name: string, value: Cell | string | null])[],
  color: boolean,
) {
  const told = lines.flatMap(([name, value]) =>
    value === null || value === ""
      ? []
      : [[name, typeof value === "string" ? { text: value } : value] as const],
  );
  const widest = Math.max(0, ...told.map(([name]) => name.length));
  return told
    .map(
      ([name, { text, tone }]) =>
        `${painted(name.padEnd(widest), "quiet", color)}   ${painted(safeName(text), tone, color)}\n`,
    )
    .join("");
}

// Characters count as one cell; names that reach a table are ASCII by their rules, and free text stands last.
const width = (text: string) => [...text].length;
