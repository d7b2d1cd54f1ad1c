import { safeJson } from "./safe-json.js";
import { hasColor } from "./table.js";

/** Prints an answer: as one JSON document for programs, else as the text that `text` makes of it. */
export function print(
  { stdout, env }: NodeJS.Process,
  flags: { readonly json?: boolean },
  value: unknown,
  text: (color: boolean) => string,
): void {
  stdout.write(flags.json ? `${safeJson(value, 2)}\n` : text(hasColor(stdout, env)));
}
