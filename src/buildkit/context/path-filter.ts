import { type ParentMatches, type Pattern, PatternMatcher } from "./pattern-matcher.js";

/**
 * `keep`: part of the tree. `hold`: a directory that is not, unless something below it is. `prune`: neither it nor anything
 * below it can be.
 */
export interface Verdict {
  readonly action: "keep" | "hold" | "prune";
  readonly included?: ParentMatches | undefined;
  readonly excluded?: ParentMatches | undefined;
}

/** Decides what of a tree is sent, as fsutil's filter does with include and exclude patterns. Knows no files, only paths. */
export class PathFilter {
  private readonly include: Side | undefined;
  private readonly exclude: Side | undefined;

  /** Undefined include patterns mean everything; an empty list too. Throws `context_invalid` for broken patterns. */
  constructor(include: readonly string[] | undefined, exclude: readonly string[]) {
    if (include !== undefined && include.length > 0) this.include = new Side(include, false);
    if (exclude.length > 0) this.exclude = new Side(exclude, true);
  }

  /** Whether everything passes, so that nobody needs to ask. */
  get open(): boolean {
    return this.include === undefined && this.exclude === undefined;
  }

  /** `parent`: the verdict on the directory that holds the path; undefined at the top. Parents must be asked first. */
  judge(path: string, directory: boolean, parent: Verdict | undefined): Verdict {
    let kept = true;
    let included: ParentMatches | undefined;
    if (this.include !== undefined) {
      const { matched, matches } = this.include.matcher.matchesUsingParents(path, parent?.included);
      included = matches;
      if (!matched) {
        if (!directory || !this.include.reachesInto(path)) return { action: "prune" };
        kept = false;
      }
    }
    let excluded: ParentMatches | undefined;
    if (this.exclude !== undefined) {
      const { matched, matches } = this.exclude.matcher.matchesUsingParents(path, parent?.excluded);
      excluded = matches;
      if (matched) {
        if (!directory || !this.exclude.reachesInto(path)) return { action: "prune" };
        kept = false;
      }
    }
    return { action: kept ? "keep" : "hold", included, excluded };
  }
}

/** Includes, or the exceptions of excludes: the patterns that may make something below a directory part of the tree. */
class Side {
  readonly matcher: PatternMatcher;
  private readonly deciding: readonly Pattern[];
  /** Where each deciding pattern leads, with a slash behind it; undefined when one of them can match at any depth. */
  private readonly prefixes: readonly string[] | undefined;

  constructor(patterns: readonly string[], exceptions: boolean) {
    this.matcher = new PatternMatcher(patterns);
    this.deciding = this.matcher.patterns.filter((pattern) => pattern.exclusion === exceptions);
    const prefixes = this.deciding.map((pattern) => withoutTrailingGlob(pattern.text));
    if (!prefixes.some((prefix) => /[*[\]?^\\]/.test(prefix)))
      this.prefixes = prefixes.map((text) => `${text}/`);
  }

  /** False when no pattern can match below the directory: most of a tree is skipped this way. */
  reachesInto(directory: string): boolean {
    const below = `${directory}/`;
    return this.prefixes === undefined || this.prefixes.some((prefix) => prefix.startsWith(below));
  }
}

function withoutTrailingGlob(pattern: string): string {
  return pattern.replace(/\/\*\*$/, "").replace(/\/\*$/, "");
}
