import { type BuildFailure, BuildKitError } from "../errors.js";
import type { SeenVertex } from "./evidence.js";
import { excerptOf } from "./excerpt.js";
import type { FailureKnown } from "./known.js";
import { maskFor } from "./mask.js";
import { cancelledRule, channelRule, diskRule, engineRule, exportRule, sessionRule } from "./rules/daemon.js";
import { copySourceRule, remoteSourceRule, secretRule } from "./rules/files.js";
import {
  dockerfileMissingRule,
  frontendImageRule,
  platformRule,
  syntaxRule,
  targetRule,
} from "./rules/frontend.js";
import { registryRule } from "./rules/registry.js";
import type { Rule, Verdict } from "./rules/rule.js";
import { executionOf, otherStepRule, stepRule } from "./rules/step.js";
import { type Symptom, symptomOf, tailLines } from "./symptom.js";
import { plainLines, plainText } from "./text.js";

const sentenceLimit = 1000;
const daemonMessageLimit = 4000;

// The order matters: what names its own cause comes before what only says where it happened.
const rules: readonly Rule[] = [
  channelRule,
  engineRule,
  frontendImageRule,
  dockerfileMissingRule,
  targetRule,
  platformRule,
  stepRule,
  diskRule,
  secretRule,
  remoteSourceRule,
  registryRule,
  copySourceRule,
  sessionRule,
  cancelledRule,
  exportRule,
  syntaxRule,
  otherStepRule,
];

/**
 * Describes why a solve failed: one code, one sentence, one hint, and what belongs to it (Dockerfile lines, command, exit
 * code, last log lines). Pure and total: it never throws, and what it cannot place is `solve_failed` with the daemon's text.
 *
 * @param error what Solve threw: a grpc-js ServiceError as it came (its metadata holds BuildKit's details), an Error of
 *   the connection, or a BuildKitError, which keeps its code and sentence
 */
export function toBuildError(error: unknown, known: FailureKnown): BuildKitError {
  if (known.aborted) return abortError(known);
  const symptom = symptomOf(error, known);
  const failure = failureOf(symptom);
  const repeated = known.callErrors?.find((candidate) => symptom.raw.includes(candidate.message));
  const ours = error instanceof BuildKitError ? error : (known.servedError ?? repeated);
  if (ours !== undefined) return enriched(ours, failure, error);
  const verdict = verdictOn(symptom);
  // The daemon's answer is in `failure`; its error object would carry the whole Dockerfile and unmasked text along.
  const cause = symptom.grpcCode === undefined && symptom.details === undefined ? error : undefined;
  return new BuildKitError(verdict.code, sentence(verdict.message, symptom), {
    hint: sentence(verdict.hint, symptom),
    failure,
    ...(cause !== undefined && symptom.mask(symptom.raw) === symptom.raw ? { cause } : {}),
  });
}

function verdictOn(symptom: Symptom): Verdict {
  for (const rule of rules) {
    const verdict = rule(symptom);
    if (verdict !== undefined) return verdict;
  }
  const step = symptom.vertex?.name ? ` at ${symptom.vertex.name}` : "";
  return {
    code: "solve_failed",
    message: `The build failed${step}: ${symptom.message}.`,
    hint: "Look at the daemon's log for more.",
  };
}

function abortError(known: FailureKnown): BuildKitError {
  const reason = known.abortReason;
  const timedOut = reason instanceof Error && reason.name === "TimeoutError";
  // By now the daemon may have ended the step: then it has failed with the echo of the abort.
  const step = struckStep(known, (vertex) => vertex.running || vertex.error !== undefined);
  const failure = step === undefined ? {} : { failure: step };
  if (reason instanceof BuildKitError)
    return step === undefined || reason.failure !== undefined
      ? reason
      : new BuildKitError(reason.code, reason.message, { hint: reason.hint, cause: reason, ...failure });
  return timedOut
    ? new BuildKitError("timeout", "The build took longer than it may and was ended.", {
        hint: "Allow more time, or make the slow step faster; finished steps are cached.",
        ...failure,
      })
    : new BuildKitError("cancelled", "The build was cancelled.", failure);
}

/** An error of our own keeps its words; where the daemon's answer says which step it struck, that is added. */
function enriched(ours: BuildKitError, failure: BuildFailure, error: unknown): BuildKitError {
  if (ours.failure !== undefined || (failure.vertex === undefined && failure.dockerfile === undefined))
    return ours;
  const { daemonMessage: _, ...rest } = failure;
  return new BuildKitError(ours.code, ours.message, {
    hint: ours.hint,
    cause: ours,
    failure: error === ours ? rest : failure,
  });
}

/** The step of the Dockerfile that something befell from outside, with what it had printed. */
function struckStep(known: FailureKnown, is: (vertex: SeenVertex) => boolean): BuildFailure | undefined {
  const vertex = known.evidence
    ?.vertices()
    .find((seen) => is(seen) && /^\[[^\]]*\d+\/\d+\] /.test(seen.name));
  if (vertex === undefined) return undefined;
  const mask = maskFor(known.frontendAttrs);
  const tail = known.evidence?.logTail(vertex.digest, tailLines) ?? [];
  return {
    vertex: vertex.digest,
    step: plainText(mask(vertex.name)),
    ...(tail.length === 0 ? {} : { logTail: tail.map(mask) }),
  };
}

function failureOf(symptom: Symptom): BuildFailure {
  const { vertex, dockerfile, mask } = symptom;
  const execution = executionOf(symptom);
  const excerpt = dockerfile === undefined ? [] : excerptOf(dockerfile.text, symptom.lines, mask);
  return {
    ...(vertex === undefined
      ? struckStep(symptom.known, ({ running }) => running)
      : { vertex: vertex.digest }),
    ...(vertex?.name ? { step: plainText(mask(vertex.name)) } : {}),
    ...(execution?.command === undefined
      ? {}
      : { command: plainLines(mask(execution.command), sentenceLimit) }),
    ...(execution?.exitCode === undefined ? {} : { exitCode: execution.exitCode }),
    ...(dockerfile === undefined || excerpt.length === 0
      ? {}
      : { dockerfile: { name: plainText(dockerfile.name), excerpt } }),
    ...(symptom.tail.length === 0 ? {} : { logTail: symptom.tail.map(mask) }),
    daemonMessage: plainLines(mask(symptom.raw), daemonMessageLimit),
  };
}

/** Masked, on one line, and ended once: the daemon's words inside may end in a full stop of their own. */
function sentence(text: string, symptom: Symptom): string {
  return plainText(symptom.mask(text).replace(/\s+/g, " ").trim(), sentenceLimit).replace(/\.{2,}$/, ".");
}
