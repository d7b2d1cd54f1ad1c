import { GalleyError, type GalleyErrorCode } from "../errors/index.js";

/** The HTTP status of an answer of the engine; undefined when it did not answer. */
export function statusOf(error: unknown): number | undefined {
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === "number" ? status : undefined;
}

/** The engine's own sentence, without the wrapping that the client library puts around it. */
export function engineMessage(error: unknown): string {
  const body = (error as { json?: { message?: unknown } } | null)?.json?.message;
  if (typeof body === "string") return body;
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/^\(HTTP code \d{3}\) [a-z ]{1,40} - /, "").trim();
}

/** Wraps what a call of the Docker API failed with. An aborted call rethrows the signal's reason. */
export function engineError(
  what: string,
  error: unknown,
  signal?: AbortSignal,
  code: GalleyErrorCode = "engine_error",
): Error {
  if (signal?.aborted)
    return signal.reason instanceof Error
      ? signal.reason
      : new GalleyError("interrupted", `${what} was cancelled`);
  if (error instanceof GalleyError) return error;
  if (statusOf(error) === undefined) {
    const denied = (error as NodeJS.ErrnoException | null)?.code === "EACCES";
    const why = denied ? "this user may not use its socket" : "it does not answer";
    return new GalleyError(
      "engine_unreachable",
      `${what}: the Docker Engine cannot be reached, ${why} (${engineMessage(error)})`,
      {
        hint: denied
          ? "Run as root or as a member of the group docker."
          : "Check that it runs and that DOCKER_HOST names it: galley doctor.",
        cause: error,
      },
    );
  }
  return new GalleyError(code, `${what}: ${engineMessage(error)}`, { cause: error });
}
