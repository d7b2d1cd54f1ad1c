import { cut } from "./text.js";

const maxTextLength = 1024 * 1024;

export interface LineRange {
  /** 1-based, both included. */
  readonly start: number;
  readonly end: number;
}

/** One instruction with its continuation lines joined and its white space collapsed. */
export interface Instruction extends LineRange {
  readonly text: string;
}

/**
 * The instructions of a Dockerfile, as far as a failure needs them: a reader for error reports, which guesses where
 * BuildKit's parser would know (heredocs are read by their plain delimiters, escape directives by their one line).
 */
export function instructionsOf(dockerfile: string): readonly Instruction[] {
  const lines = cut(dockerfile, maxTextLength).split(/\r?\n/);
  const continuation = /^#\s*escape\s*=\s*`/im.test(lines.slice(0, 5).join("\n")) ? "`" : "\\";
  const instructions: Instruction[] = [];
  for (let at = 0; at < lines.length; at++) {
    const first = lines[at]?.trim() ?? "";
    if (first === "" || first.startsWith("#")) continue;
    const start = at + 1;
    let text = first;
    while (text.endsWith(continuation) && at + 1 < lines.length) {
      at++;
      const next = lines[at]?.trim() ?? "";
      if (next === "" || next.startsWith("#")) continue;
      text = `${text.slice(0, -1)} ${next}`;
    }
    for (const [, delimiter] of heredocs(text)) {
      const close = lines.findIndex((line, index) => index > at && line.trim() === delimiter);
      if (close > at) at = close;
    }
    instructions.push({ text: text.replace(/\s+/g, " "), start, end: at + 1 });
  }
  return instructions;
}

/** Every heredoc that the instruction opens: `<<EOT`, `<<-"EOT"`; the first group is the delimiter. */
function heredocs(instruction: string): RegExpExecArray[] {
  if (!/^(RUN|COPY|ADD)\b/i.test(instruction)) return [];
  return [...instruction.matchAll(/<<-?["']?([A-Za-z_][A-Za-z0-9_.]*)["']?/g)];
}

/** Whether a heredoc stands open above the line: an old frontend then takes its body for instructions. */
export function isAfterHeredoc(dockerfile: string, line: number): boolean {
  const above = cut(dockerfile, maxTextLength)
    .split(/\r?\n/)
    .slice(Math.max(0, line - 200), line - 1);
  return above.some((text) => heredocs(text.trim()).length > 0);
}

/** The names of the stages, in order: `FROM image AS name`. */
export function stageNames(dockerfile: string): readonly string[] {
  const names: string[] = [];
  for (const { text } of instructionsOf(dockerfile)) {
    const name = /^FROM\s.*\sAS\s+(\S+)$/i.exec(text)?.[1];
    if (name !== undefined) names.push(name);
  }
  return names;
}

/** The instructions that name the image, as base or by `from=`, whatever short form they use for it. */
export function linesNaming(dockerfile: string, reference: string): readonly LineRange[] {
  const wanted = shortReference(reference);
  return instructionsOf(dockerfile).filter(({ text }) => {
    const base = /^FROM\s+(?:--\S+\s+)*(\S+)/i.exec(text)?.[1];
    const froms = [...text.matchAll(/\bfrom=([^\s,]+)/g)].map((match) => match[1]);
    return [base, ...froms].some((name) => name !== undefined && shortReference(name) === wanted);
  });
}

/** The instructions whose text is the one that a vertex's name shows (`[web 2/5] RUN npm ci`), white space aside. */
export function linesOfStep(dockerfile: string, step: string): readonly LineRange[] {
  const shown = step
    .replace(/^\[[^\]]*\]\s*/, "")
    .replace(/\s+/g, " ")
    .trim();
  if (shown === "") return [];
  return instructionsOf(dockerfile).filter(({ text }) => text === shown);
}

/** The `# syntax=` line, which names the frontend. */
export function syntaxLine(dockerfile: string): readonly LineRange[] {
  const lines = cut(dockerfile, maxTextLength).split(/\r?\n/);
  const at = lines.findIndex((line) => /^\s*(?:#|\/\/)\s*syntax\s*=/i.test(line));
  return at < 0 ? [] : [{ start: at + 1, end: at + 1 }];
}

/** The ADD instructions that name the address. */
export function linesAdding(dockerfile: string, url: string): readonly LineRange[] {
  return instructionsOf(dockerfile).filter(({ text }) => /^ADD\s/i.test(text) && text.includes(url));
}

/** `docker.io/library/node:latest` as people write it: `node`. */
export function shortReference(reference: string): string {
  return reference
    .replace(/^docker-image:\/\//, "")
    .replace(/^(?:index\.)?docker\.io\//, "")
    .replace(/^library\//, "")
    .replace(/:latest$/, "");
}
