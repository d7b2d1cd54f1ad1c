import { BuildKitError } from "../errors.js";
import { compileItems } from "./expression.js";
import { parseGlob } from "./glob.js";
import { parseGoRegexp } from "./go-regexp.js";
import { cleanPath, parentPath, trimSpace } from "./text.js";

/** One line of a `.dockerignore` or one include pattern, with the meaning that github.com/moby/patternmatcher gives it. */
export class Pattern {
  /** Cleaned, without the `!`. */
  readonly text: string;
  /** Written with `!`: what it matches is not matched after all. */
  readonly exclusion: boolean;
  /** Compiled at the first match, as moby does: a bad pattern that is never asked is no error. */
  private compiled: ((path: string) => boolean) | undefined;

  constructor(text: string, exclusion: boolean) {
    this.text = text;
    this.exclusion = exclusion;
  }

  matches(path: string): boolean {
    this.compiled ??= compile(this.text);
    return this.compiled(path);
  }
}

/** For each pattern whether a directory matched it: what its children need to know. */
export type ParentMatches = readonly boolean[];

/** Patterns against paths, in the semantics of github.com/moby/patternmatcher: the last pattern that matches decides. */
export class PatternMatcher {
  readonly patterns: readonly Pattern[];
  /** Whether any pattern is written with `!`. */
  readonly hasExclusions: boolean;

  /** Empty patterns are dropped. Throws `context_invalid` for a lone `!` and for broken globs. */
  constructor(patterns: readonly string[]) {
    const read: Pattern[] = [];
    for (const line of patterns) {
      const trimmed = trimSpace(line);
      if (trimmed === "") continue;
      const cleaned = cleanPath(trimmed);
      const exclusion = cleaned.startsWith("!");
      const text = exclusion ? cleaned.slice(1) : cleaned;
      if (text === "") {
        throw new BuildKitError("context_invalid", 'The ignore pattern "!" names nothing.', {
          hint: "Remove the line, or write what is to be kept behind the exclamation mark.",
        });
      }
      parseGlob(text);
      read.push(new Pattern(text, exclusion));
    }
    this.patterns = read;
    this.hasExclusions = read.some((pattern) => pattern.exclusion);
  }

  /** Whether the path, or a directory above it, matches. */
  matchesOrParentMatches(path: string): boolean {
    return this.matchesUsingParents(path).matched;
  }

  /**
   * The same, told what the parent directory matched (the `matches` of its own call), which saves asking for every
   * directory above. Without `parent` all of them are asked.
   */
  matchesUsingParents(path: string, parent?: ParentMatches): { matched: boolean; matches: ParentMatches } {
    const matches = new Array<boolean>(this.patterns.length).fill(false);
    let matched = false;
    for (const [index, pattern] of this.patterns.entries()) {
      let match = parent?.[index] ?? false;
      if (!match) {
        // A pattern that cannot change the verdict is not asked, and its children are told that it did not match.
        if (pattern.exclusion !== matched) continue;
        match = pattern.matches(path) || (parent === undefined && matchesAbove(pattern, path));
      }
      matches[index] = match;
      if (match) matched = !pattern.exclusion;
    }
    return { matched, matches };
  }
}

function matchesAbove(pattern: Pattern, path: string): boolean {
  const above = parentPath(path);
  if (above === ".") return false;
  const parts = above.split("/");
  return parts.some((_, depth) => pattern.matches(parts.slice(0, depth + 1).join("/")));
}

const regexpSpecials = new Set(".+()|{}$");

/** A pattern is compared as a whole, as a beginning, as an end, or as a regular expression; the kinds differ in corners. */
function compile(text: string): (path: string) => boolean {
  const chars = Array.from(text);
  let kind: "exact" | "prefix" | "suffix" | "regexp" = "exact";
  let source = "";
  let at = 0;
  for (let step = 0; at < chars.length; step++) {
    const char = chars[at++] ?? "";
    if (char === "*" && chars[at] === "*") {
      at++;
      // A slash behind two stars belongs to them.
      if (chars[at] === "/") at++;
      if (at < chars.length) {
        source += "(.*/)?";
        kind = "regexp";
      } else if (kind === "exact") {
        kind = "prefix";
      } else {
        source += ".*";
        kind = "regexp";
      }
      if (step === 0) kind = "suffix";
    } else if (char === "*") {
      source += "[^/]*";
      kind = "regexp";
    } else if (char === "?") {
      source += "[^/]";
      kind = "regexp";
    } else if (char === "\\") {
      // Never the last character: such a pattern is refused before it is compiled.
      source += `\\${chars[at++] ?? ""}`;
      kind = "regexp";
    } else {
      if (char === "[" || char === "]") kind = "regexp";
      source += regexpSpecials.has(char) ? `\\${char}` : char;
    }
  }
  switch (kind) {
    case "exact":
      return (path) => path === text;
    case "prefix": {
      const beginning = text.slice(0, -2);
      return (path) => path.startsWith(beginning);
    }
    case "suffix": {
      const end = text.slice(2);
      const whole = end.startsWith("/") ? end.slice(1) : undefined;
      return (path) => path.endsWith(end) || path === whole;
    }
    case "regexp":
      return compileItems(parseGoRegexp(source, text));
  }
}
