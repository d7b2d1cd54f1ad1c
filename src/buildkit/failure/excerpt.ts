import type { ExcerptLine } from "../errors.js";
import type { LineRange } from "./dockerfile.js";
import type { Mask } from "./mask.js";
import { plainText } from "./text.js";

const around = 3;
const widthLimit = 200;
const linesLimit = 60;

/**
 * The guilty lines of a Dockerfile with three lines around each range; distant ranges leave a gap in the numbers. Lines
 * are cut at 200 characters, the whole at 60 lines, the guilty ones first. Empty where no range lies in the text.
 */
export function excerptOf(text: string, ranges: readonly LineRange[], mask: Mask): readonly ExcerptLine[] {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  const failed = new Set<number>();
  for (const range of ranges) {
    const end = Math.min(range.end, lines.length, range.start + linesLimit);
    for (let line = Math.max(1, range.start); line <= end; line++) failed.add(line);
  }
  const guilty = [...failed].sort((a, b) => a - b).slice(0, linesLimit);
  const shown = new Set(guilty);
  for (const line of guilty) {
    for (let near = line - around; near <= line + around && shown.size < linesLimit; near++) {
      if (near >= 1 && near <= lines.length) shown.add(near);
    }
  }
  return [...shown]
    .sort((a, b) => a - b)
    .map((line) => ({
      line,
      text: plainText(mask(lines[line - 1] ?? ""), widthLimit),
      failed: failed.has(line),
    }));
}
