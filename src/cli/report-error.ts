import { BuildKitError, renderFailure } from "../buildkit/index.js";
import { GalleyError } from "../errors/index.js";
import { isClosedOutput } from "./closed-output.js";
import { exitCode } from "./exit-codes.js";

export interface ReportOptions {
  /** Where the error goes: stderr, with its colours and width. */
  readonly process: NodeJS.Process;
  /** Print `{code, message, hint}` in one line instead of prose. */
  readonly json: boolean;
  /** Aborted by Ctrl-C: then whatever failed, failed because of that. */
  readonly signal: AbortSignal;
}

/** Prints what went wrong and what to do, and returns the exit code. Unknown errors are defects: they keep their stack. */
export function reportError(error: unknown, { process, json, signal }: ReportOptions): number {
  const { stderr, env } = process;
  if (signal.aborted && isClosedOutput(signal.reason)) return exitCode.closedOutput;
  if (json) {
    stderr.write(`${JSON.stringify(errorRecord(error))}\n`);
  } else if (error instanceof BuildKitError) {
    const color = Boolean(stderr.isTTY) && !env.NO_COLOR;
    stderr.write(`${renderFailure(error, { color, columns: stderr.columns ?? 100 })}\n`);
  } else if (signal.aborted) {
    stderr.write("interrupted\n");
  } else if (error instanceof GalleyError) {
    stderr.write(`error: ${error.message}\n${error.hint ? `What to do: ${error.hint}\n` : ""}`);
  } else {
    stderr.write(
      `unexpected error, please report it: ${error instanceof Error ? error.stack : String(error)}\n`,
    );
  }
  return signal.aborted ? exitCode.interrupted : exitCodeOf(error);
}

/** 130 for what the user interrupted, 2 for usage, 1 for the rest. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof BuildKitError) {
    if (error.code === "cancelled") return exitCode.interrupted;
    return usageCodes.has(error.code) ? exitCode.usage : exitCode.failed;
  }
  if (error instanceof GalleyError) {
    if (error.code === "interrupted") return exitCode.interrupted;
    return usageCodes.has(error.code) ? exitCode.usage : exitCode.failed;
  }
  return exitCode.failed;
}

/** Mistakes that are seen before anything is started. */
const usageCodes: ReadonlySet<string> = new Set([
  "usage",
  "option_invalid",
  "engine_unsupported",
  "context_not_found",
  "image_reference_invalid",
  "manifest_invalid",
  "manifest_not_found",
  "config_invalid",
  "master_key_invalid",
  "invalid_request",
]);

export function errorRecord(error: unknown): Record<string, unknown> {
  if (error instanceof BuildKitError || error instanceof GalleyError) {
    return {
      code: error.code,
      message: error.message,
      ...(error.hint ? { hint: error.hint } : {}),
      ...(error instanceof BuildKitError && error.failure ? { failure: error.failure } : {}),
    };
  }
  return { code: "internal", message: error instanceof Error ? error.message : String(error) };
}
