import { setTimeout as delay } from "node:timers/promises";
import {
  type Docker,
  findContainers,
  findNetworks,
  findVolumes,
  removeContainer,
  removeNetwork,
  removeVolume,
} from "../docker/index.js";
import { environmentLabels, labelKeys, type Owner } from "./labels.js";
import { disconnectOthers } from "./proxy.js";
import { sideBySide } from "./side-by-side.js";

/** Seconds that a container gets to end by itself; one that writes to a volume that is kept may have much to write down. */
export const STOP_SECONDS = { service: 10, database: 60 } as const;

export interface StopOptions {
  /** Seconds that containers get to end by themselves, databases among them: what they would still write down goes with their volumes. Default: 10. */
  readonly graceSeconds?: number | undefined;
}

/**
 * Removes everything of an environment: containers, its network after whatever else is connected to it was disconnected, and the
 * volumes. Idempotent: goes on where an earlier one was cut off. Touches nothing of other agents or environments.
 *
 * @returns how many things it removed
 */
export async function stopEnvironment(
  docker: Docker,
  owner: Pick<Owner, "agent" | "environment">,
  signal: AbortSignal,
  { graceSeconds = STOP_SECONDS.service }: StopOptions = {},
): Promise<number> {
  const labels = environmentLabels(owner);
  const containers = await findContainers(docker, labels, signal);
  await sideBySide(containers, signal, ({ id }, either) => removeContainer(docker, id, either, graceSeconds));
  await untilGone(docker, labels, signal);
  const networks = await findNetworks(docker, labels, signal);
  for (const { id } of networks) {
    await disconnectOthers(docker, id, owner, signal);
    await removeNetwork(docker, id, signal);
  }
  const volumes = await findVolumes(docker, labels, signal);
  for (const { name } of volumes) await removeVolume(docker, name, signal);
  return containers.length + networks.length + volumes.length;
}

/** Containers that somebody else is removing are there for a while, and hold the network and the volumes. */
async function untilGone(
  docker: Docker,
  labels: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<void> {
  const deadline = Date.now() + GONE_MS;
  while ((await findContainers(docker, labels, signal)).length > 0 && Date.now() < deadline)
    await delay(200, undefined, { signal });
}

const GONE_MS = 30_000;

/** Removes what a hook has left whose agent was killed. */
export async function removeLeftHooks(
  docker: Docker,
  owner: Pick<Owner, "agent" | "environment">,
  signal: AbortSignal,
): Promise<void> {
  const labels = { ...environmentLabels(owner), [labelKeys.role]: "hook" };
  for (const { id } of await findContainers(docker, labels, signal))
    await removeContainer(docker, id, signal);
}
