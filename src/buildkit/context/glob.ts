import { BuildKitError } from "../errors.js";

/** A piece of a glob in the syntax of Go's `filepath.Match`. */
type Token =
  | { readonly kind: "star" }
  | { readonly kind: "any" }
  | { readonly kind: "literal"; readonly char: string }
  | {
      readonly kind: "class";
      readonly negated: boolean;
      readonly ranges: readonly (readonly [number, number])[];
    };

/** Thrown for a pattern that Go calls `syntax error in pattern`. */
export function badPattern(pattern: string): BuildKitError {
  return new BuildKitError("context_invalid", `The pattern ${JSON.stringify(pattern)} has a syntax error.`, {
    hint: "Brackets must be closed, a range goes from low to high, and a backslash needs a character after it.",
  });
}

/** Reads a glob; throws `context_invalid` exactly where `filepath.Match` returns ErrBadPattern. */
export function parseGlob(pattern: string): readonly Token[] {
  const chars = Array.from(pattern);
  const tokens: Token[] = [];
  let at = 0;
  /** One character of a class. A class is never the end of a pattern while it is open. */
  const classChar = (): number => {
    let char = chars[at];
    if (char === undefined || char === "-" || char === "]") throw badPattern(pattern);
    if (char === "\\") char = chars[++at];
    if (char === undefined || at + 1 >= chars.length) throw badPattern(pattern);
    at++;
    return char.codePointAt(0) ?? 0;
  };
  while (at < chars.length) {
    const char = chars[at++] ?? "";
    if (char === "*") {
      if (tokens.at(-1)?.kind !== "star") tokens.push({ kind: "star" });
    } else if (char === "?") {
      tokens.push({ kind: "any" });
    } else if (char === "[") {
      const negated = chars[at] === "^";
      if (negated) at++;
      const ranges: [number, number][] = [];
      while (ranges.length === 0 || chars[at] !== "]") {
        const low = classChar();
        if (chars[at] !== "-") {
          ranges.push([low, low]);
          continue;
        }
        at++;
        ranges.push([low, classChar()]);
      }
      at++;
      tokens.push({ kind: "class", negated, ranges });
    } else if (char === "\\") {
      const escaped = chars[at++];
      if (escaped === undefined) throw badPattern(pattern);
      tokens.push({ kind: "literal", char: escaped });
    } else {
      tokens.push({ kind: "literal", char });
    }
  }
  return tokens;
}

/** Whether a name without slashes matches, as `filepath.Match` decides. */
export function globMatches(tokens: readonly Token[], name: string): boolean {
  const chars = Array.from(name);
  let token = 0;
  let at = 0;
  // Where to take up again when the part behind the last star fails: one character further.
  let starToken = -1;
  let starAt = 0;
  while (at < chars.length || token < tokens.length) {
    const wanted = tokens[token];
    if (wanted?.kind === "star") {
      starToken = ++token;
      starAt = at;
      continue;
    }
    const char = chars[at];
    if (wanted !== undefined && char !== undefined && tokenMatches(wanted, char)) {
      token++;
      at++;
      continue;
    }
    if (starToken < 0 || starAt >= chars.length) return false;
    token = starToken;
    at = ++starAt;
  }
  return true;
}

function tokenMatches(token: Token, char: string): boolean {
  switch (token.kind) {
    case "star":
      return false;
    case "any":
      return true;
    case "literal":
      return token.char === char;
    case "class": {
      const code = char.codePointAt(0) ?? 0;
      return token.ranges.some(([low, high]) => low <= code && code <= high) !== token.negated;
    }
  }
}
