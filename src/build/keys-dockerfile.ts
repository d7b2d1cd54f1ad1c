// The instructions of a Dockerfile, as far as it must be understood to know what a build takes in. It is not BuildKit's parser:
// what it does not understand it says so of, and the caller then lets BuildKit decide.

export interface Instruction {
  /** In upper case: `FROM`, `COPY`. */
  readonly name: string;
  /** `--name` or `--name=value`, in order. */
  readonly flags: readonly { readonly name: string; readonly value: string }[];
  /** What is behind the flags, without line breaks. */
  readonly rest: string;
  /** Heredocs belong to it: text of the Dockerfile, not files of the context. */
  readonly heredocs: readonly string[];
}

export interface ParsedDockerfile {
  /** The image of a `# syntax=` line. */
  readonly syntax: string | undefined;
  readonly instructions: readonly Instruction[];
}

const withHeredocs = new Set(["RUN", "COPY", "ADD"]);
const heredoc = /(?:^|\s)\d*<<(-?)(["']?)([A-Za-z0-9_][A-Za-z0-9_.-]*)\2(?=\s|$)/g;

/** Undefined for what cannot be followed, such as a heredoc without an end. */
export function parseDockerfile(text: string): ParsedDockerfile | undefined {
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  const { directives, first } = readDirectives(lines);
  const continuation = directives.get("escape") === "`" ? "`" : "\\";
  const instructions: Instruction[] = [];
  let at = first;
  while (at < lines.length) {
    const logical = logicalLine(lines, at, continuation);
    at = logical.next;
    if (logical.text === "") continue;
    const [, word = "", tail = ""] = /^(\S+)\s*(.*)$/s.exec(logical.text) ?? [];
    const name = word.toUpperCase();
    if (!/^[A-Z]+$/.test(name)) return undefined;
    const { flags, rest } = takeFlags(tail);
    const heredocs: string[] = [];
    if (withHeredocs.has(name)) {
      for (const [, dash, , end = ""] of rest.matchAll(heredoc)) {
        const close = lines.findIndex(
          (line, index) => index >= at && (dash ? line.replace(/^\t+/, "") : line) === end,
        );
        if (close < 0) return undefined;
        heredocs.push(end);
        at = close + 1;
      }
    }
    instructions.push({ name, flags, rest, heredocs });
  }
  return { syntax: directives.get("syntax")?.split(/\s/)[0], instructions };
}

/** `# name=value` lines at the very top; the first line that is none ends them. */
function readDirectives(lines: readonly string[]): { directives: Map<string, string>; first: number } {
  const directives = new Map<string, string>();
  let first = 0;
  // BuildKit lets a script's first line stand in front of them.
  if (lines[0]?.startsWith("#!")) first = 1;
  for (; first < lines.length; first++) {
    const found = /^#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/.exec(lines[first] ?? "");
    if (!found) break;
    directives.set((found[1] ?? "").toLowerCase(), found[2] ?? "");
  }
  return { directives, first };
}

function logicalLine(
  lines: readonly string[],
  from: number,
  continuation: string,
): { text: string; next: number } {
  let text = "";
  let at = from;
  for (; at < lines.length; at++) {
    const line = lines[at] ?? "";
    const isComment = /^\s*#/.test(line);
    if (isComment || line.trim() === "") {
      if (at === from) return { text: "", next: at + 1 };
      // Inside an instruction they are skipped.
      continue;
    }
    const trimmed = line.replace(/[ \t]+$/, "");
    if (!trimmed.endsWith(continuation)) return { text: (text + line).trim(), next: at + 1 };
    text += trimmed.slice(0, -1);
  }
  return { text: text.trim(), next: at };
}

function takeFlags(tail: string): Pick<Instruction, "flags" | "rest"> {
  const flags: { name: string; value: string }[] = [];
  let rest = tail;
  for (;;) {
    const found = /^--([a-zA-Z][a-zA-Z0-9-]*)(?:=((?:"[^"]*"|'[^']*'|\S)*))?(?:\s+|$)/.exec(rest);
    if (!found) return { flags, rest };
    flags.push({ name: found[1] ?? "", value: found[2] ?? "" });
    rest = rest.slice(found[0].length);
  }
}
