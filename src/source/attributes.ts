/**
 * Why the content of a commit is not what a checkout of it would have: LFS pointers and other filters, line ends and encodings
 * that git converts, `$Id$`, submodules.
 */
export type CheckoutReasonKind = "lfs" | "filter" | "line-ends" | "encoding" | "ident" | "submodule";

interface Rule {
  /** Against the path below the directory of the file that holds the rule. */
  readonly matches: (path: string) => boolean;
  /** Attribute to its value; `true` set, `false` unset, `undefined` unspecified. */
  readonly states: ReadonlyMap<string, string | boolean | undefined>;
}

/** The attributes that change what a checkout writes, and those that such a change depends on. */
const relevant = new Set(["filter", "eol", "text", "crlf", "working-tree-encoding", "ident"]);

/** The rules of the `.gitattributes` files that apply to a tree, by directory. Knows only what concerns a checkout. */
export class Attributes {
  private readonly rules: { readonly prefix: string; readonly rule: Rule }[] = [];
  private readonly macros = new Map<string, ReadonlyMap<string, string | boolean | undefined>>([
    ["binary", new Map([["text", false]])],
  ]);

  /**
   * Reads one file. `directory` is where it lies, with a slash behind it, empty for the root. Files nearer to the root must
   * come first: later rules win.
   */
  add(directory: string, content: string): void {
    for (const line of content.replace(/^\ufeff/, "").split("\n")) {
      const read = splitLine(line.replace(/\r$/, ""));
      if (read === undefined) continue;
      const states = this.statesOf(read.attributes);
      if (read.macro !== undefined) {
        if (directory === "") this.macros.set(read.macro, states);
      } else if ([...states.keys()].some((name) => relevant.has(name))) {
        this.rules.push({ prefix: directory, rule: { matches: compilePattern(read.pattern), states } });
      }
    }
  }

  /** False when no rule could ever give a reason, so that nobody needs to ask for each file. */
  get concern(): boolean {
    return this.rules.some(({ rule }) => reasonOf(rule.states) !== undefined);
  }

  /** Why a checkout of this file would differ from its blob; undefined when it would not. */
  reason(path: string): { readonly kind: CheckoutReasonKind; readonly detail: string } | undefined {
    const states = new Map<string, string | boolean | undefined>();
    for (const { prefix, rule } of this.rules) {
      if (!path.startsWith(prefix) || !rule.matches(path.slice(prefix.length))) continue;
      for (const [name, state] of rule.states) states.set(name, state);
    }
    return reasonOf(states);
  }

  private statesOf(attributes: readonly string[]): Map<string, string | boolean | undefined> {
    const states = new Map<string, string | boolean | undefined>();
    for (const attribute of attributes) {
      const equals = attribute.indexOf("=");
      let name = attribute.replace(/^[-!]/, "");
      let state: string | boolean | undefined = true;
      if (equals > 0) {
        name = attribute.slice(0, equals);
        state = attribute.slice(equals + 1);
      } else if (attribute.startsWith("-")) {
        state = false;
      } else if (attribute.startsWith("!")) {
        state = undefined;
      }
      states.set(name, state);
      if (state !== true) continue;
      for (const [inner, value] of this.macros.get(name) ?? []) states.set(inner, value);
    }
    return states;
  }
}

function reasonOf(
  states: ReadonlyMap<string, string | boolean | undefined>,
): { kind: CheckoutReasonKind; detail: string } | undefined {
  const filter = states.get("filter");
  if (filter === "lfs") return { kind: "lfs", detail: "filter=lfs" };
  if (typeof filter === "string") return { kind: "filter", detail: `filter=${filter}` };
  const encoding = states.get("working-tree-encoding");
  if (typeof encoding === "string" && !/^utf-?8$/i.test(encoding)) {
    return { kind: "encoding", detail: `working-tree-encoding=${encoding}` };
  }
  // Only towards CRLF: a checkout on Linux leaves line feeds alone whatever `text` says.
  if (states.get("eol") === "crlf" && states.get("text") !== false)
    return { kind: "line-ends", detail: "eol=crlf" };
  if (states.get("ident") === true) return { kind: "ident", detail: "ident" };
  return undefined;
}

function splitLine(
  line: string,
): { pattern: string; macro?: string; attributes: readonly string[] } | undefined {
  const trimmed = line.trim();
  if (trimmed === "" || trimmed.startsWith("#")) return undefined;
  const quoted = /^"((?:[^"\\]|\\.)*)"/.exec(trimmed);
  const pattern = quoted ? (quoted[1] ?? "").replace(/\\(["\\])/g, "$1") : (trimmed.split(/[ \t]/)[0] ?? "");
  const rest = trimmed.slice(quoted ? quoted[0].length : pattern.length).trim();
  const attributes = rest === "" ? [] : rest.split(/[ \t]+/);
  const macro = /^\[attr\](.+)$/.exec(pattern)?.[1];
  return macro === undefined ? { pattern, attributes } : { pattern, macro, attributes };
}

/** More stars than this are taken to match everything: a needless checkout is better than a pattern that takes minutes. */
const mostStars = 3;

/** A pattern of gitattributes: without a slash against the name, else against the path; `**` spans directories. */
function compilePattern(pattern: string): (path: string) => boolean {
  if (pattern.endsWith("/") || pattern.startsWith("!")) return () => false;
  const anchored = pattern.includes("/");
  const glob = pattern.replace(/^\//, "").replace(/\*{3,}/g, "**");
  if ((glob.match(/\*+/g)?.length ?? 0) > mostStars) return () => true;
  let source = "";
  for (const part of glob.match(/\*\*\/|\/\*\*$|\*+|\?|\[[!^]?\]?[^\]]*\]|\\.|./gs) ?? []) {
    if (part === "**/") source += "(?:.*/)?";
    else if (part === "/**") source += "/.*";
    else if (part.startsWith("*")) source += "[^/]*";
    else if (part === "?") source += "[^/]";
    else if (part.startsWith("[") && part.length > 1) source += classOf(part);
    else
      source += (part.startsWith("\\") && part.length > 1 ? part.slice(1) : part).replace(
        /[\\^$.*+?()[\]{}|/-]/g,
        "\\$&",
      );
  }
  try {
    const expression = new RegExp(`^${source}$`, "s");
    return (path) => expression.test(anchored ? path : path.slice(path.lastIndexOf("/") + 1));
  } catch {
    return () => true;
  }
}

function classOf(part: string): string {
  const negated = part[1] === "!" || part[1] === "^";
  const body = part.slice(negated ? 2 : 1, -1).replace(/[[\]^]/g, "\\$&");
  return `(?!/)[${negated ? "^" : ""}${body}]`;
}
