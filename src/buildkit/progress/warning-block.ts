import { toLintWarning } from "../failure/index.js";
import type { Paint } from "./palette.js";
import { safeLine } from "./terminal-text.js";
import type { VertexWarning } from "./types.js";

const shownAtMost = 50;

/** The findings of a build, after its end: one line each, with where it is and where to read on. No lines for none. */
export function warningBlock(warnings: readonly VertexWarning[], paint: Paint): string[] {
  if (warnings.length === 0) return [];
  const lines = [paint("warning", `! ${warnings.length} ${warnings.length === 1 ? "warning" : "warnings"}`)];
  for (const warning of warnings.slice(0, shownAtMost)) {
    const { rule, message, file, lines: ranges, url } = toLintWarning(warning);
    const line = ranges[0]?.start;
    const place = file === undefined ? "" : `${file}${line ? `:${line}` : ""}  `;
    lines.push(
      `  ${paint("strong", place)}${rule ? `${rule}: ` : ""}${safeLine(message.replaceAll("\n", " "), false)}`,
    );
    if (url) lines.push(`    ${paint("quiet", url)}`);
  }
  if (warnings.length > shownAtMost) lines.push(`  and ${warnings.length - shownAtMost} more`);
  return lines;
}
