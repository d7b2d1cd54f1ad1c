// Turns what a failed solve left behind into one BuildKitError: code, sentence, hint, Dockerfile lines, command, log tail.
// Pure but for the bounded memory of FailureEvidence and the second look into the served trees. Knows nothing of sockets, calls or how a solve is run.
export { describeFailure } from "./describe-failure.js";
export { FailureEvidence } from "./evidence.js";
export type { FailureKnown } from "./known.js";
export { type LintWarning, toLintWarning } from "./lint.js";
export { maskArgumentsOf, maskSteps } from "./mask.js";
export { nearest } from "./nearest.js";
