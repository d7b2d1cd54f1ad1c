import type { Findings } from "./findings.js";
import type { Place } from "./located.js";

/** Bytes; a manifest is a page of text, and hostile ones are not read further. */
export const largestFile = 256 * 1024;

export function tooLarge(source: Uint8Array | string): string | undefined {
  const size = typeof source === "string" ? Buffer.byteLength(source) : source.length;
  return size > largestFile ? `is larger than ${largestFile / 1024} KiB` : undefined;
}

/** Text of UTF-8, without its byte order mark. */
export function decode(bytes: Uint8Array, place: Place, findings: Findings): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    const control = [...text].findIndex((letter) => letter < " " && !"\t\n\r".includes(letter));
    if (control < 0) return text;
    const before = [...text].slice(0, control + 1);
    const line = before.filter((letter) => letter === "\n").length + 1;
    const code = before.at(-1)?.charCodeAt(0).toString(16).padStart(2, "0");
    findings.problem({ ...place, line }, `has the control character 0x${code}; accepted: text`);
  } catch {
    findings.problem(place, "is not UTF-8; accepted: UTF-8 text");
  }
  return undefined;
}

/** Parsers recurse; what would exhaust their stack, or their time, is not given to them. Brackets in strings are counted, too. */
export function tooDeep(text: string): boolean {
  let open = 0;
  for (const line of text.split("\n")) {
    if (/^ *(?:[-?] +){200}/.test(line) || /^ {2000}/.test(line)) return true;
    for (const letter of line) {
      if (letter === "[" || letter === "{") open++;
      else if (letter === "]" || letter === "}") open--;
      if (open > 1_000) return true;
    }
  }
  return false;
}
