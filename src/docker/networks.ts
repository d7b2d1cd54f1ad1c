import { GalleyError } from "../errors/index.js";
import { engineError, engineMessage, statusOf } from "./api-error.js";
import type { Docker } from "./connect.js";
import { within } from "./within.js";

export interface NetworkSpec {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Id of the network of that name and those labels; made if it is not there. */
export async function ensureNetwork(docker: Docker, spec: NetworkSpec, signal: AbortSignal): Promise<string> {
  try {
    const found = (await findNetworks(docker, spec.labels, signal)).find(({ name }) => name === spec.name);
    if (found) return found.id;
    const settings = { Name: spec.name, CheckDuplicate: true, Driver: "bridge", Labels: { ...spec.labels } };
    const made = await within(signal, (abortSignal) => docker.createNetwork({ ...settings, abortSignal }));
    return made.id;
  } catch (error) {
    if (/address pool/i.test(engineMessage(error)) && !signal.aborted) {
      throw new GalleyError(
        "engine_error",
        `network ${spec.name} could not be made: the engine has no subnet left`,
        {
          hint: "Remove networks that nobody uses (docker network prune), or give the engine larger default-address-pools.",
          cause: error,
        },
      );
    }
    throw engineError(`network ${spec.name} could not be made`, error, signal);
  }
}

export async function findNetworks(
  docker: Docker,
  labels: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<{ readonly id: string; readonly name: string }[]> {
  try {
    const filters = { label: Object.entries(labels).map(([key, value]) => `${key}=${value}`) };
    const found = await within(signal, (abortSignal) => docker.listNetworks({ filters, abortSignal }));
    return found.map(({ Id, Name }) => ({ id: Id, name: Name }));
  } catch (error) {
    throw engineError("networks could not be listed", error, signal);
  }
}

/** Removes a network; one that is gone already is no error. */
export async function removeNetwork(docker: Docker, id: string, signal: AbortSignal): Promise<void> {
  try {
    await within(signal, (abortSignal) => docker.getNetwork(id).remove({ abortSignal }));
  } catch (error) {
    if (statusOf(error) !== 404) throw engineError(`network ${id} could not be removed`, error, signal);
  }
}
