import { BuildKitError } from "../errors.js";
import { cleanPath, trimSpace } from "./text.js";

/** Go's line scanner gives up on longer lines, and with it the daemon on the whole file. */
const longestLine = 64 * 1024;

/**
 * The patterns of a `.dockerignore`, read as moby's ignorefile reads it. Comments count only in the first column; a slash
 * in front means nothing, also behind `!`. The daemon does this by itself for the main context: for contexts whose
 * definition is made on this side only. Throws `context_invalid` for a line of 64 KiB.
 */
export function parseIgnoreFile(content: Uint8Array | string): string[] {
  const text = typeof content === "string" ? content : Buffer.from(content).toString();
  const patterns: string[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (line.length >= longestLine) {
      throw new BuildKitError(
        "context_invalid",
        `Line ${index + 1} of the ignore file is longer than 64 KiB.`,
      );
    }
    const read = index === 0 ? line.replace(/^\ufeff/, "") : line;
    if (read.startsWith("#")) continue;
    const trimmed = trimSpace(read);
    if (trimmed === "") continue;
    const inverted = trimmed.startsWith("!");
    let pattern = inverted ? trimSpace(trimmed.slice(1)) : trimmed;
    if (pattern !== "") {
      pattern = cleanPath(pattern);
      if (pattern.length > 1 && pattern.startsWith("/")) pattern = pattern.slice(1);
    }
    patterns.push(inverted ? `!${pattern}` : pattern);
  }
  return patterns;
}
