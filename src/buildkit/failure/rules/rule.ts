import type { BuildKitErrorCode } from "../../errors.js";
import type { Symptom } from "../symptom.js";

export interface Verdict {
  readonly code: BuildKitErrorCode;
  /** One sentence for a person. */
  readonly message: string;
  /** One sentence that says what to do. */
  readonly hint: string;
}

/** Recognises one kind of failure, or leaves it to the next rule. */
export type Rule = (symptom: Symptom) => Verdict | undefined;

/** "(line 3)" or "(lines 3-5)" where the lines are known, with a space before it; else nothing. */
export function atLines(symptom: Symptom): string {
  if (symptom.lines.length === 0) return "";
  const start = Math.min(...symptom.lines.map((range) => range.start));
  const end = Math.max(...symptom.lines.map((range) => range.end));
  return start === end ? ` (line ${start})` : ` (lines ${start}-${end})`;
}

/** What BuildKit itself proposes: "(did you mean RUN?)". */
export function proposed(message: string): string | undefined {
  return /\(did you mean ([^?()]{1,100})\?\)\s*$/.exec(message)?.[1];
}

export function withoutProposal(message: string): string {
  return message.replace(/\s*\(did you mean [^?()]{1,100}\?\)\s*$/, "");
}
