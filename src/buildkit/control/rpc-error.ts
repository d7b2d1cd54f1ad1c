import type { ServiceError } from "@grpc/grpc-js";
import { BuildKitError } from "../errors.js";

const grpc = {
  cancelled: 1,
  invalidArgument: 3,
  deadline: 4,
  notFound: 5,
  unimplemented: 12,
  unavailable: 14,
} as const;

/** Whether it is what grpc-js rejects a call with. */
export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && typeof (error as ServiceError).code === "number" && "metadata" in error;
}

/** Whether the daemon does not know the method. */
export function isUnimplemented(error: unknown): boolean {
  return isServiceError(error) && error.code === grpc.unimplemented;
}

/**
 * The failure of a short call (everything but a solve) as the error of this room.
 *
 * @param what completes "…failed": "Listing the build cache"
 */
export function controlError(error: unknown, what: string, signal?: AbortSignal): BuildKitError {
  if (error instanceof BuildKitError) return error;
  if (signal?.aborted) return new BuildKitError("cancelled", `${what} was cancelled`, { cause: error });
  const said = isServiceError(error) ? error.details : error instanceof Error ? error.message : String(error);
  switch (isServiceError(error) ? error.code : undefined) {
    case grpc.cancelled:
      return new BuildKitError("cancelled", `${what} was cancelled`, { cause: error });
    case grpc.invalidArgument:
      return new BuildKitError("option_invalid", `${what} was refused: ${said}`, { cause: error });
    case grpc.deadline:
      return new BuildKitError("timeout", `${what} took too long`, {
        hint: "The daemon may be busy: look at its load and its log.",
        cause: error,
      });
    case grpc.unimplemented:
      return new BuildKitError("engine_unsupported", `${what} is not possible with this engine`, {
        hint: "Docker Engine 24 and later can do it.",
        cause: error,
      });
    case grpc.unavailable:
      return new BuildKitError(
        "daemon_gone",
        `${what} failed, the connection to the daemon was lost: ${said}`,
        {
          hint: "Check that the daemon is running, then try again.",
          cause: error,
        },
      );
    default:
      // BuildKit gives most refusals no code of their own.
      if (/filters?: parse error|invalid argument$/.test(said)) {
        return new BuildKitError("option_invalid", `${what} was refused: ${said}`, { cause: error });
      }
      return new BuildKitError("solve_failed", `${what} failed: ${said}`, { cause: error });
  }
}
