import type { ExcerptLine } from "../errors.js";
import { cut, maskCredentials } from "./text.js";

const around = 3;
const widthLimit = 200;
const linesLimit = 60;

export interface LineRange {
  /** 1-based, both included. */
  readonly start: number;
  readonly end: number;
}

/**
 * The guilty lines of a Dockerfile with three lines around each range; distant ranges leave a gap in the numbers. Lines
 * are cut at 200 characters, the whole at 60 lines, with the guilty ones kept first. Empty where no range lies in the text.
 */
export function excerptOf(text: string, ranges: readonly LineRange[]): readonly ExcerptLine[] {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  const failed = new Set<number>();
  for (const range of ranges) {
    const end = Math.min(range.end, lines.length, range.start + linesLimit);
    for (let line = Math.max(1, range.start); line <= end; line++) failed.add(line);
  }
  const shown = new Set([...failed].sort((a, b) => a - b).slice(0, linesLimit));
  for (const line of [...shown]) {
    for (let near = line - around; near <= line + around && shown.size < linesLimit; near++) {
      if (near >= 1 && near <= lines.length) shown.add(near);
    }
  }
  return [...shown]
    .sort((a, b) => a - b)
    .map((line) => ({ line, text: show(lines[line - 1] ?? ""), failed: failed.has(line) }));
}

function show(line: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this removes
  return cut(maskCredentials(line.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "")), widthLimit);
}
