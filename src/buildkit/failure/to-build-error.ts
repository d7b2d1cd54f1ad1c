import { BuildKitError } from "../errors.js";
import type { FailureKnown } from "./known.js";
import { maskCredentials } from "./text.js";

/** First version: the signature is settled, the classification follows. */
export function toBuildError(error: unknown, known: FailureKnown): BuildKitError {
  if (error instanceof BuildKitError) return error;
  if (known.servedError !== undefined) return known.servedError;
  if (known.aborted) return new BuildKitError("cancelled", "The build was cancelled.");
  const text = maskCredentials(error instanceof Error ? error.message : String(error));
  return new BuildKitError("solve_failed", text, { failure: { daemonMessage: text } });
}
