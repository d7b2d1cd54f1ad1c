/** What a checkout does to a file's content: what stands in the repository is not what lies in the work tree. */
export interface Conversion {
  /** A filter's name: `lfs`, or a program that is configured somewhere. */
  readonly filter: string | undefined;
  /** Line feeds become CRLF; `auto`: only where git takes the file for text that has none yet. */
  readonly crlf: "always" | "auto" | undefined;
  /** The encoding of the work tree, in upper case; not for UTF-8. */
  readonly encoding: string | undefined;
  /** `$Id$` is expanded. */
  readonly ident: boolean;
}

/** Value of an attribute; `true` set, `false` unset, `undefined` unspecified. */
type State = string | boolean | undefined;

interface Rule {
  /** Against the path below the directory of the file that holds the rule. */
  readonly matches: (path: string) => boolean;
  readonly states: ReadonlyMap<string, State>;
}

/** The attributes that change what a checkout writes, and those that such a change depends on. */
const relevant = new Set(["filter", "eol", "text", "crlf", "working-tree-encoding", "ident"]);

/** The rules of the `.gitattributes` files that apply to a tree, by directory. Knows only what concerns a checkout. */
export class Attributes {
  private readonly rules: { readonly prefix: string; readonly rule: Rule }[] = [];
  private readonly macros = new Map<string, ReadonlyMap<string, State>>([
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

  /** False when no rule could ever give a conversion, so that nobody needs to ask for each file. */
  get concern(): boolean {
    return this.rules.some(({ rule }) => conversionOf(rule.states) !== undefined);
  }

  /** What a checkout would do to this file; undefined when it would write the blob as it is. */
  conversion(path: string): Conversion | undefined {
    const states = new Map<string, State>();
    for (const { prefix, rule } of this.rules) {
      if (!path.startsWith(prefix) || !rule.matches(path.slice(prefix.length))) continue;
      for (const [name, state] of rule.states) states.set(name, state);
    }
    return conversionOf(states);
  }

  private statesOf(attributes: readonly string[]): Map<string, State> {
    const states = new Map<string, State>();
    for (const attribute of attributes) {
      const equals = attribute.indexOf("=");
      let name = attribute.replace(/^[-!]/, "");
      let state: State = true;
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

/** On Linux without configuration, as gitattributes(5) has it: only `eol=crlf` changes line ends there. */
function conversionOf(states: ReadonlyMap<string, State>): Conversion | undefined {
  const filter = states.get("filter");
  const encoding = states.get("working-tree-encoding");
  const conversion: Conversion = {
    filter: typeof filter === "string" ? filter : undefined,
    crlf: crlfOf(states),
    encoding:
      typeof encoding === "string" && !/^utf-?8$/i.test(encoding) ? encoding.toUpperCase() : undefined,
    ident: states.get("ident") === true,
  };
  const { crlf, ident } = conversion;
  return conversion.filter || conversion.encoding || crlf || ident ? conversion : undefined;
}

function crlfOf(states: ReadonlyMap<string, State>): "always" | "auto" | undefined {
  const known = (state: State) => [true, false, "auto", "input"].includes(state ?? "");
  // `crlf` is what `text` was called once.
  const text = known(states.get("text")) ? states.get("text") : states.get("crlf");
  if (text === false || states.get("eol") !== "crlf") return undefined;
  return text === "auto" ? "auto" : "always";
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
