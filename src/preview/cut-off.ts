import { type Docker, findContainers, removeContainer, startCreated } from "../docker/index.js";
import { type LeftOver, stoppedFor } from "./attempt.js";
import { type FoundService, findServices } from "./found.js";
import { labelKeys, type Owner } from "./labels.js";
import { environmentsLeaving, findLeaving, forgetLeaving } from "./leaving.js";
import { newestServed } from "./served.js";
import { STOP_SECONDS } from "./stop.js";
import { type Moved, removeReplaced } from "./switch-over.js";

/**
 * What an attempt that was cut off keeps from serving: it has stopped a container to put another one in its place, and that one does not run. One that
 * runs stays: it has the same volume and answers to the same name, and what it is part of comes again or is taken back.
 *
 * @param found the newest first
 * @param served number of the newest attempt that has served
 */
export function cutOffOf(found: readonly FoundService[], served: number): LeftOver {
  const unfinished = found.filter(({ number }) => number > served);
  const start = stoppedFor(unfinished, found, ({ number }) => number <= served).filter(
    ({ service }) => !unfinished.some((one) => one.service === service && one.running),
  );
  return { remove: unfinished.filter(({ service }) => start.some((one) => one.service === service)), start };
}

/**
 * What a deployment that serves has replaced and not removed yet, as it was cut off before. Its new containers know by their links which ones
 * belong to it. Nothing as long as one of its gates is shut: then the container before is still asked for that service.
 *
 * @param served number of the newest attempt that has served
 */
export function replacedOf(found: readonly FoundService[], served: number): readonly FoundService[] {
  const own = found.filter(({ number }) => number === served);
  const names = new Set(own.flatMap(({ name, links }) => [name, ...Object.values(links)]));
  const serving = found.filter(({ name }) => names.has(name));
  if (own.length === 0 || serving.some(({ check, healthy }) => check.gated && !healthy)) return [];
  return found.filter((one) => one.number < served && !serving.includes(one));
}

type Whose = Pick<Owner, "agent" | "environment">;

/**
 * Environments of an agent in which a deployment may have been cut off: not all of their containers are of one attempt, or some were to go. For
 * the agent's start, when none is under way.
 */
export async function findCutOff(docker: Docker, agent: string, signal: AbortSignal): Promise<string[]> {
  const labels = { [labelKeys.agent]: agent, [labelKeys.role]: "service" };
  const attempts = new Map<string, Set<string>>();
  for (const { labels: of } of await findContainers(docker, labels, signal)) {
    const environment = of[labelKeys.environment] ?? "";
    const numbers = attempts.get(environment) ?? new Set();
    attempts.set(environment, numbers.add(of[labelKeys.number] ?? ""));
  }
  const cutOff = [...attempts].filter(([, numbers]) => numbers.size > 1).map(([environment]) => environment);
  return [...new Set([...cutOff, ...(await environmentsLeaving(docker, agent, signal))])];
}

/**
 * Starts again what an attempt that was cut off had stopped, where what it has put in its place does not run: the preview goes on, also while
 * nobody can say what becomes of the deployment. Idempotent. Not for an environment that a deployment is under way in.
 *
 * @returns names of the services
 */
export async function bringBack(docker: Docker, owner: Whose, signal: AbortSignal): Promise<string[]> {
  const found = await findServices(docker, owner, signal);
  const { remove, start } = cutOffOf(found, await newestServed(docker, found, signal));
  for (const { id } of remove) await removeContainer(docker, id, signal, STOP_SECONDS.database);
  for (const { id, name } of start) await startCreated(docker, id, { name, image: "", publish: {} }, signal);
  return start.map(({ service }) => service);
}

export interface FinishOptions {
  /** As for `startEnvironment`. */
  readonly switchMs?: number | undefined;
  readonly moved?: Moved | undefined;
  readonly onNote?: ((text: string) => void) | undefined;
}

/**
 * Removes what a deployment has replaced that was cut off after its routes had switched, once the proxy has moved. Idempotent. Not for an
 * environment that a deployment is under way in.
 *
 * @returns names of the services, of each container one
 */
export async function finishSwitch(
  docker: Docker,
  owner: Whose,
  { switchMs, moved, onNote }: FinishOptions,
  signal: AbortSignal,
): Promise<string[]> {
  const found = await findServices(docker, owner, signal);
  const served = await newestServed(docker, found, signal);
  const leaving = await findLeaving(docker, owner, signal);
  const older = replacedOf(found, served);
  const replaced = found.filter((one) => leaving.has(one.id) || older.includes(one));
  if (replaced.length === 0) {
    if (leaving.size > 0) await forgetLeaving(docker, owner, signal);
    return [];
  }
  const routed = found
    .filter((one) => one.number === served && one.check.routed && !replaced.includes(one))
    .map(({ id }) => id);
  const how = { switchMs, moved, onNote, signal };
  await removeReplaced(docker, { owner, number: served, replaced, routed, ...how });
  return replaced.map(({ service }) => service);
}
