import type { Docker } from "../docker/index.js";
import { type FoundService, findServices } from "./found.js";
import { networkName, type Owner } from "./labels.js";
import { directProbe, type Probe } from "./probe.js";
import { newestServed } from "./served.js";
import { undo } from "./switch-over.js";

/** What is to be taken back of attempts that were never done. */
export interface LeftOver {
  readonly remove: readonly FoundService[];
  /** Those that were stopped to make room for it. */
  readonly start: readonly FoundService[];
}

const nothing: LeftOver = { remove: [], start: [] };

/**
 * What a deployment has left that failed or was cancelled while its agent was dead: all that it has made, unless it had switched before. Then it
 * serves, whatever became of it.
 *
 * @param found the newest first
 * @param served number of the newest attempt that has served
 */
export function leftOverOf(found: readonly FoundService[], deployment: string, served: number): LeftOver {
  const remove = found.filter((one) => one.deployment === deployment && one.number > served);
  if (remove.length === 0) return nothing;
  const first = Math.min(...remove.map(({ number }) => number));
  return { remove, start: stoppedFor(remove, found, (one) => one.number < first) };
}

/** Of each service the newest that was there before, if it was stopped for one of these. Where nothing of before runs it sleeps, and is woken as a whole. */
export function stoppedFor(
  these: readonly FoundService[],
  found: readonly FoundService[],
  isBefore: (one: FoundService) => boolean,
): FoundService[] {
  const before = found.filter(
    (one, index) =>
      isBefore(one) &&
      !found.slice(0, index).some((other) => isBefore(other) && other.service === one.service),
  );
  const over = ({ completed, check }: FoundService) => completed && check.mayEnd;
  const stopped = before.filter(
    (one) => !one.running && !over(one) && these.some(({ service }) => service === one.service),
  );
  const awake =
    before.some(({ running }) => running) ||
    before.every((one) => over(one) || (one.alone && stopped.includes(one)));
  return awake ? stopped : [];
}

export interface RemoveAttemptOptions {
  readonly probe?: Probe | undefined;
  readonly onNote?: ((text: string) => void) | undefined;
}

type Whose = Pick<Owner, "agent" | "environment">;

/**
 * Takes back what a deployment has left on the engine that is over and never served: its agent was killed while it started. What served
 * before is not touched, but for what was stopped to make room, which starts again. Idempotent.
 *
 * @returns how many containers it removed
 */
export async function removeAttempt(
  docker: Docker,
  owner: Whose,
  deployment: string,
  { probe = directProbe, onNote }: RemoveAttemptOptions,
  signal: AbortSignal,
): Promise<number> {
  const found = await findServices(docker, owner, signal);
  const { remove, start } = leftOverOf(found, deployment, await newestServed(docker, found, signal));
  const network = networkName(owner.environment);
  // Each number is one attempt of it.
  for (const number of new Set(remove.map((one) => one.number))) {
    const containers = new Map(
      remove.filter((one) => one.number === number).map(({ service, id }) => [service, id]),
    );
    const stopped = new Set(start.filter(({ service }) => containers.has(service)).map(({ id }) => id));
    await undo(docker, { owner, network, number, found, made: { containers, stopped }, probe, onNote });
  }
  return remove.length;
}
