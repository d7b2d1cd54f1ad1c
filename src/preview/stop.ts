import {
  type Docker,
  findContainers,
  findNetworks,
  removeContainer,
  removeNetwork,
} from "../docker/index.js";
import { type Owner, ownerLabels } from "./labels.js";

/** Removes everything of an environment: containers with their volumes, then its network. Idempotent. Returns how many it removed. */
export async function stopEnvironment(docker: Docker, owner: Owner, signal: AbortSignal): Promise<number> {
  const labels = ownerLabels(owner);
  const containers = await findContainers(docker, labels, signal);
  await Promise.all(containers.map(({ id }) => removeContainer(docker, id, signal, 10)));
  const networks = await findNetworks(docker, labels, signal);
  for (const { id } of networks) await removeNetwork(docker, id, signal);
  return containers.length + networks.length;
}
