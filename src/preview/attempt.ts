import { type Docker, fileMode } from "../docker/index.js";
import { type FoundService, findServices } from "./found.js";
import { gateSwitch } from "./gate.js";
import { networkName, type Owner } from "./labels.js";
import { directProbe, type Probe } from "./probe.js";
import { undo } from "./switch-over.js";

/** What is to be taken back of a deployment that is over and never served. */
export interface LeftOver {
  readonly remove: readonly FoundService[];
  /** Those that were stopped to make room for it. */
  readonly start: readonly FoundService[];
}

/**
 * What a deployment has left that failed or was cancelled while its agent was dead. Nothing when it had switched before: then it serves, whatever
 * became of it. A gate that was opened once says so. Of one that changes nothing that is routed it is known while something of before is
 * there; what stands alone stays.
 *
 * @param found the newest of a service first
 * @param opened ids of containers whose gates have been opened
 */
export function leftOverOf(
  found: readonly FoundService[],
  deployment: string,
  opened: ReadonlySet<string>,
): LeftOver {
  const nothing = { remove: [], start: [] };
  const mine = found.filter((one) => one.deployment === deployment);
  const others = found.filter((one) => one.deployment !== deployment);
  const routed = mine.filter(({ check }) => check.routed);
  if (routed.some((one) => (one.check.gated ? opened.has(one.id) : one.healthy))) return nothing;
  const before = ({ service }: FoundService) => others.some((other) => other.service === service);
  const unfinished = others.length === 0 && mine.some(({ running }) => !running);
  if (routed.length === 0 && !mine.some(before) && !unfinished) return nothing;
  // Where nothing of before runs it sleeps, and is woken as a whole.
  const awake = others.some(({ running }) => running);
  const stopped = others.filter(
    ({ running, completed, service }) =>
      !running && !completed && mine.some((one) => one.service === service),
  );
  return { remove: mine, start: awake ? stopped : [] };
}

export interface RemoveAttemptOptions {
  readonly probe?: Probe | undefined;
  readonly onNote?: ((text: string) => void) | undefined;
}

/**
 * Takes back what a deployment has left on the engine that is over and never served: its agent was killed while it started. What served
 * before is not touched, but for what was stopped to make room, which starts again. Idempotent.
 *
 * @returns how many containers it removed
 */
export async function removeAttempt(
  docker: Docker,
  owner: Pick<Owner, "agent" | "environment">,
  deployment: string,
  { probe = directProbe, onNote }: RemoveAttemptOptions,
  signal: AbortSignal,
): Promise<number> {
  const found = await findServices(docker, owner, signal);
  const { target } = gateSwitch(true);
  const opened = new Set<string>();
  for (const { id, check, deployment: of } of found)
    if (check.gated && of === deployment && (await fileMode(docker, id, target, signal)) !== undefined)
      opened.add(id);
  const { remove, start } = leftOverOf(found, deployment, opened);
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
