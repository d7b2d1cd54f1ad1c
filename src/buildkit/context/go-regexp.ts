import { badPattern } from "./glob.js";

/** A part of a compiled pattern; `source` is JavaScript with the `v` flag. */
export type Item =
  /** One character, or any number of them. */
  | { readonly kind: "char"; readonly source: string; readonly repeated: boolean }
  /** What `**` means before something else: nothing, or anything that ends with a slash. */
  | { readonly kind: "directories" }
  | { readonly kind: "assertion"; readonly source: string };

/**
 * Reads the regular expressions that the patternmatcher builds from patterns. It copies classes and escapes of the pattern
 * into a Go regular expression as they are, so a pattern has the meaning that Go's syntax gives them (`\d` is a digit,
 * `[*]` is not a star): hence a reading of Go's syntax (regexp/syntax, Perl flags), as far as such patterns reach it.
 * `source` is without the anchors. Throws `context_invalid` where Go's compiler refuses.
 */
export function parseGoRegexp(source: string, pattern: string): readonly Item[] {
  const chars = Array.from(source);
  let at = 0;
  const fail: () => never = () => {
    throw badPattern(pattern);
  };

  /** The character that an escape stands for; `at` is behind the backslash. */
  const escapedChar = (): number => {
    const char = chars[at++] ?? fail();
    const control = controlEscapes[char];
    if (control !== undefined) return control;
    if (char === "x") {
      const digits = (chars[at++] ?? "") + (chars[at++] ?? "");
      return /^[0-9a-fA-F]{2}$/.test(digits) ? Number.parseInt(digits, 16) : fail();
    }
    if (char >= "0" && char <= "7") {
      // A single digit but 0 would be a back reference, which Go has not.
      if (char !== "0" && !/^[0-7]$/.test(chars[at] ?? "")) fail();
      let digits = char;
      while (digits.length < 3 && /^[0-7]$/.test(chars[at] ?? "")) digits += chars[at++];
      return Number.parseInt(digits, 8);
    }
    const code = char.codePointAt(0) ?? 0;
    return code >= 0x80 || /^[0-9A-Za-z]$/.test(char) ? fail() : code;
  };

  /** `\d`, `\pL` and their like, at a backslash, as a class; undefined when it is something else. */
  const escapedClass = (): string | undefined => {
    const kind = chars[at + 1] ?? "";
    const perl = perlClasses[kind];
    if (perl === undefined && kind !== "p" && kind !== "P") return undefined;
    at += 2;
    if (perl !== undefined) return perl;
    // A name in braces never comes here: the patternmatcher escapes braces, and Go refuses the rest.
    const category = chars[at++] ?? "";
    return /^[CLMNPSZ]$/.test(category) ? `\\${kind}{${category}}` : fail();
  };

  const classChar = (): number => {
    if (chars[at] !== "\\") return (chars[at++] ?? fail()).codePointAt(0) ?? 0;
    at++;
    return escapedChar();
  };

  const characterClass = (): string => {
    const negated = chars[at] === "^";
    if (negated) at++;
    let body = "";
    for (let first = true; first || chars[at] !== "]"; first = false) {
      if (at >= chars.length) fail();
      const posix = chars[at] === "[" ? /^\[:(.*?):\]/su.exec(chars.slice(at).join(""))?.[1] : undefined;
      if (posix !== undefined) {
        const ranges = posixClasses.get(posix.replace(/^\^/, "")) ?? fail();
        body += posix.startsWith("^") ? `[^${ranges}]` : ranges;
        at += Array.from(posix).length + 4;
        continue;
      }
      const named = chars[at] === "\\" ? escapedClass() : undefined;
      if (named !== undefined) {
        body += named;
        continue;
      }
      const low = classChar();
      let high = low;
      if (chars[at] === "-" && chars[at + 1] !== undefined && chars[at + 1] !== "]") {
        at++;
        high = classChar();
        if (high < low) fail();
      }
      body += low === high ? unit(low) : `${unit(low)}-${unit(high)}`;
    }
    at++;
    return `[${negated ? "^" : ""}${body}]`;
  };

  const escaped = (): Item => {
    const kind = chars[at + 1] ?? fail();
    const assertion = assertions[kind];
    if (assertion !== undefined) {
      at += 2;
      return { kind: "assertion", source: assertion };
    }
    const named = escapedClass();
    if (named !== undefined) return { kind: "char", source: named, repeated: false };
    at++;
    return { kind: "char", source: unit(escapedChar()), repeated: false };
  };

  const items: Item[] = [];
  while (at < chars.length) {
    const char = chars[at] ?? "";
    if (char === "\\" && chars[at + 1] === "Q") {
      // Literally up to \E: the patternmatcher's own escapes in between count as text, as in Go.
      at += 2;
      while (at < chars.length && !(chars[at] === "\\" && chars[at + 1] === "E")) {
        items.push({ kind: "char", source: unit((chars[at++] ?? "").codePointAt(0) ?? 0), repeated: false });
      }
      at += 2;
    } else if (char === "\\") {
      items.push(escaped());
    } else if (char === "(") {
      // Parentheses of the pattern arrive escaped: this is the whole of `(.*/)?`. Twice in a row means nothing more.
      at += "(.*/)?".length;
      if (items.at(-1)?.kind !== "directories") items.push({ kind: "directories" });
    } else if (char === "^") {
      at++;
      items.push({ kind: "assertion", source: "^" });
    } else {
      at++;
      let source = unit(char.codePointAt(0) ?? 0);
      if (char === "[") source = characterClass();
      else if (char === ".") source = "[^\\n]";
      const repeated = chars[at] === "*";
      if (repeated) at++;
      items.push({ kind: "char", source, repeated });
    }
  }
  return items;
}

const unit = (code: number): string => `\\u{${code.toString(16)}}`;

const controlEscapes: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 };
const assertions: Readonly<Record<string, string>> = { A: "^", z: "$", b: "\\b", B: "\\B" };
const perlClasses: Readonly<Record<string, string>> = {
  d: "[0-9]",
  D: "[^0-9]",
  s: "[\\t\\n\\f\\r\\u{20}]",
  S: "[^\\t\\n\\f\\r\\u{20}]",
  w: "[0-9A-Za-z_]",
  W: "[^0-9A-Za-z_]",
};
const posixClasses: ReadonlyMap<string, string> = new Map([
  ["alnum", "0-9A-Za-z"],
  ["alpha", "A-Za-z"],
  ["ascii", "\\u{0}-\\u{7f}"],
  ["blank", "\\t\\u{20}"],
  ["cntrl", "\\u{0}-\\u{1f}\\u{7f}"],
  ["digit", "0-9"],
  ["graph", "\\u{21}-\\u{7e}"],
  ["lower", "a-z"],
  ["print", "\\u{20}-\\u{7e}"],
  ["punct", "\\u{21}-\\u{2f}\\u{3a}-\\u{40}\\u{5b}-\\u{60}\\u{7b}-\\u{7e}"],
  ["space", "\\t\\n\\v\\f\\r\\u{20}"],
  ["upper", "A-Z"],
  ["word", "0-9A-Za-z_"],
  ["xdigit", "0-9A-Fa-f"],
]);
