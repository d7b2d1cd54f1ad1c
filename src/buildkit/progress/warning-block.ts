import { toLintWarning } from "../failure/index.js";
import { wrapCells } from "./cell-width.js";
import type { Paint } from "./palette.js";
import { safeLine } from "./terminal-text.js";
import type { VertexWarning } from "./types.js";

const shownAtMost = 50;

/** The findings of a build, after its end: one line each, with where it is and where to read on, wrapped to `columns`. No lines for none. */
export function warningBlock(warnings: readonly VertexWarning[], paint: Paint, columns = 80): string[] {
  if (warnings.length === 0) return [];
  const lines = [paint("warning", `! ${warnings.length} ${warnings.length === 1 ? "warning" : "warnings"}`)];
  for (const warning of warnings.slice(0, shownAtMost)) {
    const { rule, message, file, lines: ranges, url } = toLintWarning(warning);
    const line = ranges[0]?.start;
    const place = file === undefined ? "" : `${file}${line ? `:${line}` : ""}  `;
    const sentence = `${place}${rule ? `${rule}: ` : ""}${safeLine(message.replaceAll("\n", " "), false)}`;
    wrapCells(sentence, columns - 4).forEach((part, index) => {
      const strong = index === 0 && place !== "" && part.startsWith(place);
      const shown = strong ? paint("strong", place) + part.slice(place.length) : part;
      lines.push(`${index === 0 ? "  " : "    "}${shown}`);
    });
    if (url) lines.push(`    ${paint("quiet", url)}`);
  }
  if (warnings.length > shownAtMost) lines.push(`  and ${warnings.length - shownAtMost} more`);
  return lines;
}
