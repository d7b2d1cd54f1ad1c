import { NatsError } from "nats";
import { GalleyError } from "../errors/index.js";
import { backoffMs, pause } from "./within.js";

/** Numbers of JetStream's errors (`err_code`), as its server/errors.json has them. */
export const apiErrors = {
  consumerNotFound: 10014,
  insufficientStorage: 10047,
  streamNotFound: 10059,
  streamNameInUse: 10058,
  consumerNameExists: 10148,
  noMessageFound: 10037,
  streamMessageDeleteFailed: 10057,
  sequenceNotFound: 10043,
} as const;

/** What passes by itself: a cluster that has no leader yet, or not enough members; a server that has just started. */
const transientApiErrors = [10008, 10009, 10005, 10023, 10074, 10076];
const transientCodes = ["503", "TIMEOUT", "DISCONNECT", "CONNECTION_REFUSED"];
/** Ours, not the bus's doing: the connection was closed here. */
const closedCodes = ["CONNECTION_CLOSED", "CONNECTION_DRAINING"];

export const apiErrorCode = (error: unknown): number | undefined =>
  error instanceof NatsError ? error.api_error?.err_code : undefined;

export function isTransient(error: unknown): boolean {
  if (!(error instanceof NatsError)) return false;
  const code = apiErrorCode(error);
  return code === undefined ? transientCodes.includes(error.code) : transientApiErrors.includes(code);
}

/**
 * Repeats what fails for a passing reason, for 30 s unless told otherwise.
 * @param doing completes "The bus did not …": "make the stream JOBS".
 * @throws `bus_unreachable` when the time is over or the connection is closed, `bus_refused` for what no repeating mends, the signal's reason.
 */
export async function persist<T>(
  doing: string,
  operation: () => Promise<T>,
  options: { signal?: AbortSignal | undefined; timeoutMs?: number } = {},
): Promise<T> {
  const { signal, timeoutMs = 30_000 } = options;
  const deadline = Date.now() + timeoutMs;
  for (let failures = 0; ; failures += 1) {
    signal?.throwIfAborted();
    try {
      return await operation();
    } catch (error) {
      if (error instanceof GalleyError) throw error;
      const reason = apiErrorCode(error) === undefined ? reasonOf(error) : (error as NatsError).message;
      const what = `The bus did not ${doing}: ${reason}.`;
      if (closedCodes.includes((error as NatsError).code))
        throw new GalleyError("bus_unreachable", what, { cause: error });
      if (!isTransient(error)) throw new GalleyError("bus_refused", what, { cause: error });
      if (Date.now() >= deadline) throw new GalleyError("bus_unreachable", what, { cause: error });
      await pause(Math.min(backoffMs(failures, 100, 2_000), deadline - Date.now()), signal);
    }
  }
}

function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: string; message?: string };
  if (code === "503") return "JetStream is not there";
  if (code === "TIMEOUT") return "no answer in time";
  if (closedCodes.includes(code ?? "")) return "the connection is closed";
  return message ?? "no reason given";
}
