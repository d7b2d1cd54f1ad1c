import { count, type Fields, fields, isFields, text, textOrNull, texts } from "./read.js";

export interface ExcerptLine {
  readonly line: number;
  readonly text: string;
  readonly failed: boolean;
}

/** Why a build or a deployment failed. */
export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
  /** Id of the step that failed. */
  readonly step: string | null;
  readonly command: string | null;
  readonly dockerfile: { readonly name: string; readonly excerpt: readonly ExcerptLine[] } | null;
  readonly logTail: readonly string[];
}

export function readFailure(value: unknown): Failure | null {
  if (!isFields(value)) return null;
  return {
    code: text(value.code),
    message: text(value.message),
    hint: textOrNull(value.hint),
    step: textOrNull(value.step),
    command: textOrNull(value.command),
    dockerfile: isFields(value.dockerfile) ? excerpt(value.dockerfile) : null,
    logTail: texts(value.logTail),
  };
}

const excerpt = (dockerfile: Fields) => ({
  name: text(dockerfile.name),
  excerpt: fields(dockerfile.excerpt).map((line) => ({
    line: count(line.line),
    text: text(line.text),
    failed: line.failed === true,
  })),
});
