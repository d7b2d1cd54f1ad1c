import type { Findings } from "../text/findings.js";
import { escapeDollars, type LookUp, literalText, parseTemplate, resolveTemplate } from "../text/template.js";

/** Characters of one value: `A=${B}${B}` and its like multiply. */
const longestValue = 64 * 1024;
const mostVariables = 1_000;

/**
 * Reads the text of an env file: `NAME=value`, `export NAME=value`, `NAME` alone for a value from outside; comments; quotes, of which
 * double ones know `\n`, `\t`, `\"`, `\\` and may span lines. `${NAME}` is put in everywhere but in single quotes, and stays where its value
 * comes later: all values are templates.
 *
 * @param raw values are taken as they are
 */
export function parseEnvFile(
  text: string,
  file: string,
  lookUp: LookUp,
  findings: Findings,
  raw = false,
): Map<string, string> {
  const values = new Map<string, string>();
  const lines = text.split(/\r?\n/);
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? "";
    if (/^\s*(?:#|$)/.test(line)) continue;
    const place = { file, line: at + 1 };
    const [, name, rest] = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*(?:[=:](.*))?$/.exec(line) ?? [];
    if (name === undefined) {
      findings.problem(place, `found ${JSON.stringify(line.trim().slice(0, 20))}; accepted: NAME=value`);
      continue;
    }
    if (values.size >= mostVariables) {
      findings.problem(place, `has more than ${mostVariables} variables`);
      return values;
    }
    if (rest === undefined) {
      const outside = lookUp(name);
      if (typeof outside === "string") values.set(name, escapeDollars(outside));
      else if (outside) values.set(name, "template" in outside ? outside.template : `\${${name}}`);
      continue;
    }
    if (raw) {
      values.set(name, escapeDollars(rest));
      continue;
    }
    const read = readValue(rest.trimStart(), lines, at);
    if (!read) {
      findings.problem(place, `${name} has a quote that nothing closes`);
      return values;
    }
    at = read.last;
    const pieces = read.literal ? read.value : parseTemplate(read.value, true);
    if (typeof pieces === "string" && !read.literal) {
      findings.problem(place, `${name}: ${pieces}`);
      continue;
    }
    const value =
      typeof pieces === "string"
        ? escapeDollars(pieces)
        : resolveTemplate(pieces, {
            asTemplate: true,
            lookUp: (wanted) => {
              const template = values.get(wanted);
              return template === undefined ? lookUp(wanted) : (literalText(template) ?? { template });
            },
            onUnset: (wanted) => {
              findings.warn(place, `the variable ${wanted} is not set; taken as empty`);
              return "";
            },
            onRequired: (wanted, why) =>
              findings.problem(place, `the variable ${wanted} is needed: ${why || "it is not set"}`),
          });
    if (value.length <= longestValue) values.set(name, value);
    else findings.problem(place, `${name} is longer than ${longestValue} characters with its variables`);
  }
  return values;
}

interface ReadValue {
  readonly value: string;
  /** In single quotes. */
  readonly literal: boolean;
  /** Index of its last line. */
  readonly last: number;
}

function readValue(rest: string, lines: readonly string[], at: number): ReadValue | undefined {
  const quote = rest[0];
  if (quote !== '"' && quote !== "'") {
    return { value: rest.replace(/(?:^|\s+)#.*$/, "").trimEnd(), literal: false, last: at };
  }
  let text = rest.slice(1);
  for (let last = at; last < lines.length; last++) {
    if (last > at) text += `\n${lines[last] ?? ""}`;
    const end = quote === "'" ? text.indexOf("'") : closingQuote(text);
    if (end < 0) continue;
    const inside = text.slice(0, end);
    return { value: quote === "'" ? inside : unescaped(inside), literal: quote === "'", last };
  }
  return undefined;
}

function closingQuote(text: string): number {
  for (let index = 0; index < text.length; index++) {
    if (text[index] === "\\") index++;
    else if (text[index] === '"') return index;
  }
  return -1;
}

const letters: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", $: "$$" };

const unescaped = (text: string): string =>
  text.replace(
    /\\(.)/gs,
    (whole, letter: string) => letters[letter] ?? (/["\\'`]/.test(letter) ? letter : whole),
  );
