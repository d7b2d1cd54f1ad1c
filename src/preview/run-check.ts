import { type Docker, type ExecEnd, execInContainer } from "../docker/index.js";
import { GalleyError } from "../errors/index.js";

/** Milliseconds for one run, as the engine has it. */
const LIMIT_MS = 30_000;
const LONGEST = 200;

/**
 * Runs a service's own health check once in its container.
 *
 * @returns what it has against the service, in words; undefined: it is well
 */
export async function runCheck(
  docker: Docker,
  id: string,
  command: readonly string[],
  signal: AbortSignal,
): Promise<string | undefined> {
  let ended: ExecEnd | undefined;
  try {
    ended = await execInContainer(docker, id, command, signal, LIMIT_MS);
  } catch (error) {
    signal.throwIfAborted();
    // An engine that is away is told by the next look at the container.
    if (error instanceof GalleyError && error.code === "engine_unreachable")
      return `its health check was not done in ${LIMIT_MS / 1000} s`;
    throw error;
  }
  if (ended === undefined) return "its health check could not be run";
  if (ended.exitCode === 0) return undefined;
  const line = ended.output.trim().split("\n").at(-1)?.trim() ?? "";
  return `its health check ends with exit code ${ended.exitCode}${line === "" ? "" : ` (${line.slice(0, LONGEST)})`}`;
}
