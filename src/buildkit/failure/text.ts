import { safeLine } from "../progress/terminal-text.js";

const maxLogLine = 2000;

/** One line of output as a terminal would leave it, without anything that could repaint the screen of who reads it. */
export function plainText(line: string, limit: number = maxLogLine): string {
  // Cut first, too: what is looked at below is bounded whatever a hostile step prints.
  return cut(safeLine(line.length > 4 * limit ? line.slice(-4 * limit) : line, false), limit);
}

/** Several lines, each made plain. */
export function plainLines(text: string, limit: number): string {
  return cut(
    text
      .slice(0, 2 * limit)
      .split("\n")
      .map((line) => plainText(line))
      .join("\n"),
    limit,
  );
}

/** The text, or its first `limit` characters with an ellipsis; never half of a surrogate pair. */
export function cut(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}

/** What Go's `%q` printed, without quotes and escapes; the text itself where it is not quoted. */
export function unquote(text: string): string {
  if (!/^".*"$/s.test(text)) return text;
  return text.slice(1, -1).replace(/\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|(.))/gs, (_, byte, unit, letter) => {
    const code = byte ?? unit;
    if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16));
    return letter === "n" ? "\n" : letter === "t" ? "\t" : letter === "r" ? "\r" : letter;
  });
}
