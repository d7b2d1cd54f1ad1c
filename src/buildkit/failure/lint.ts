import type { VertexWarning } from "../progress/types.js";
import { maskCredentials } from "./mask.js";
import { cut, plainText } from "./text.js";

/** A finding of BuildKit's Dockerfile linter (engine 28 and later; older engines have none). */
export interface LintWarning {
  /** The rule's name, for example `StageNameCasing`; absent for warnings that are no lint rule. */
  readonly rule?: string;
  readonly message: string;
  /** The Dockerfile as the daemon names it. */
  readonly file?: string;
  /** 1-based, first and last line included. */
  readonly lines: readonly { readonly start: number; readonly end: number }[];
  readonly url?: string;
}

const shape = /^([A-Z][A-Za-z0-9]{2,63}): (.*?)(?: \(line \d+\))?$/s;

/**
 * The domain form of a warning. BuildKit writes the rule and the line into one sentence, `Rule: text (line 1)`; they are
 * taken apart here, and the ranges that come beside it are the lines.
 */
export function toLintWarning(warning: VertexWarning): LintWarning {
  const short = maskCredentials(plainText(warning.short));
  const match = shape.exec(short);
  const file = warning.sourceInfo?.filename;
  return {
    ...(match?.[1] === undefined ? {} : { rule: match[1] }),
    message: match?.[2] ?? short,
    ...(file ? { file: cut(plainText(file), 256) } : {}),
    lines: warning.ranges.map((range) => ({ start: range.start.line, end: range.end.line })),
    ...(isWebAddress(warning.url) ? { url: warning.url } : {}),
  };
}

// The address becomes a link in dashboards; a hostile frontend must not get `javascript:` there.
function isWebAddress(url: string | undefined): url is string {
  return url !== undefined && /^https?:\/\/[^\s]{1,1024}$/.test(url);
}
