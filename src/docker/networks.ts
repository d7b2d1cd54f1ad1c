import { engineError, statusOf } from "./api-error.js";
import type { Docker } from "./connect.js";

export interface NetworkSpec {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Id of the network of that name and those labels; made if it is not there. */
export async function ensureNetwork(docker: Docker, spec: NetworkSpec, signal: AbortSignal): Promise<string> {
  try {
    const found = (await findNetworks(docker, spec.labels, signal)).find(({ name }) => name === spec.name);
    if (found) return found.id;
    const made = await docker.createNetwork({
      Name: spec.name,
      CheckDuplicate: true,
      Driver: "bridge",
      Labels: { ...spec.labels },
      abortSignal: signal,
    });
    return made.id;
  } catch (error) {
    throw engineError(`network ${spec.name} could not be made`, error, signal);
  }
}

export async function findNetworks(
  docker: Docker,
  labels: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<{ readonly id: string; readonly name: string }[]> {
  try {
    const found = await docker.listNetworks({
      filters: { label: Object.entries(labels).map(([key, value]) => `${key}=${value}`) },
      abortSignal: signal,
    });
    return found.map(({ Id, Name }) => ({ id: Id, name: Name }));
  } catch (error) {
    throw engineError("networks could not be listed", error, signal);
  }
}

/** Removes a network; one that is gone already is no error. */
export async function removeNetwork(docker: Docker, id: string, signal: AbortSignal): Promise<void> {
  try {
    await docker.getNetwork(id).remove({ abortSignal: signal });
  } catch (error) {
    if (statusOf(error) !== 404) throw engineError(`network ${id} could not be removed`, error, signal);
  }
}
