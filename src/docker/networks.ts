import { GalleyError } from "../errors/index.js";
import { engineError, engineMessage, statusOf } from "./api-error.js";
import type { Docker } from "./connect.js";
import { within } from "./within.js";

export interface NetworkSpec {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `10.1.2.0/28`. Default: the engine takes one of its own pools. */
  readonly subnet?: string | undefined;
}

/** Id of the network of that name and those labels; made if it is not there. */
export async function ensureNetwork(docker: Docker, spec: NetworkSpec, signal: AbortSignal): Promise<string> {
  const found = (await findNetworks(docker, spec.labels, signal)).find(({ name }) => name === spec.name);
  if (found) return found.id;
  const made = await createNetwork(docker, spec, signal);
  if (made) return made;
  throw new GalleyError("engine_error", `network ${spec.name} could not be made: ${spec.subnet} is in use`);
}

/**
 * Makes a bridge network and returns its id; undefined when the subnet overlaps that of another network of the engine. The engine
 * does not compare it with the routes of its machine. It has no IPv6, whatever the engine's settings are: what keeps its containers apart
 * from others is written for IPv4.
 */
export async function createNetwork(
  docker: Docker,
  spec: NetworkSpec,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const settings = {
      Name: spec.name,
      CheckDuplicate: true,
      Driver: "bridge",
      EnableIPv6: false,
      Labels: { ...spec.labels },
      ...(spec.subnet ? { IPAM: { Driver: "default", Config: [{ Subnet: spec.subnet }] } } : {}),
    };
    const made = await within(signal, (abortSignal) => docker.createNetwork({ ...settings, abortSignal }));
    return made.id;
  } catch (error) {
    if (spec.subnet && statusOf(error) === 403 && /overlap/i.test(engineMessage(error))) return undefined;
    if (statusOf(error) === 409) {
      throw new GalleyError("conflict", `network ${spec.name} is there and was not made for this`, {
        hint: `Another agent on this engine may have made it: docker network inspect ${spec.name}.`,
        cause: error,
      });
    }
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

export interface FoundNetwork {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly subnets: readonly string[];
}

export async function findNetworks(
  docker: Docker,
  labels: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<FoundNetwork[]> {
  try {
    const filters = { label: Object.entries(labels).map(([key, value]) => `${key}=${value}`) };
    const found = await within(signal, (abortSignal) => docker.listNetworks({ filters, abortSignal }));
    return found.map(({ Id, Name, Labels, IPAM }) => ({
      id: Id,
      name: Name,
      labels: Labels ?? {},
      subnets: (IPAM?.Config ?? []).flatMap(({ Subnet }) => Subnet ?? []),
    }));
  } catch (error) {
    throw engineError("networks could not be listed", error, signal);
  }
}

/** The subnets of all networks of the engine, IPv4 and IPv6. */
export async function usedSubnets(docker: Docker, signal: AbortSignal): Promise<string[]> {
  try {
    const found = await within(signal, (abortSignal) => docker.listNetworks({ abortSignal }));
    return found.flatMap(({ IPAM }) => (IPAM?.Config ?? []).flatMap(({ Subnet }) => Subnet ?? []));
  } catch (error) {
    throw engineError("networks could not be listed", error, signal);
  }
}

/**
 * Connects a container to a network; one that is connected already stays as it is.
 *
 * @param gatewayPriority among the container's networks the one with the highest gives the default route (API 1.48; older
 *   engines do not know it and go by the names of the networks). Default 0.
 */
export async function connectNetwork(
  docker: Docker,
  network: string,
  container: string,
  signal: AbortSignal,
  gatewayPriority = 0,
): Promise<void> {
  try {
    const settings = { Container: container, EndpointConfig: { GwPriority: gatewayPriority } };
    await within(signal, (abortSignal) =>
      docker.getNetwork(network).connect({ ...settings, abortSignal } as object),
    );
  } catch (error) {
    if (statusOf(error) === 403 && /already exists in network/i.test(engineMessage(error))) return;
    throw engineError(`container ${container} could not be connected to network ${network}`, error, signal);
  }
}

/** Disconnects a container, running or not; one that is gone or not connected is no error, and neither is a network that is gone. */
export async function disconnectNetwork(
  docker: Docker,
  network: string,
  container: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    const settings = { Container: container, Force: true };
    await within(signal, (abortSignal) =>
      docker.getNetwork(network).disconnect({ ...settings, abortSignal }),
    );
  } catch (error) {
    if (statusOf(error) === 404 || /is not connected to/i.test(engineMessage(error))) return;
    throw engineError(
      `container ${container} could not be disconnected from network ${network}`,
      error,
      signal,
    );
  }
}

/** Containers with an endpoint on a network, running or not, whoever made them. */
export async function containersOnNetwork(
  docker: Docker,
  network: string,
  signal: AbortSignal,
): Promise<
  {
    readonly id: string;
    readonly image: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly running: boolean;
  }[]
> {
  try {
    const filters = { network: [network] };
    const found = await within(signal, (abortSignal) =>
      docker.listContainers({ all: true, filters, abortSignal }),
    );
    return found.map(({ Id, Image, Labels, State }) => ({
      id: Id,
      image: Image,
      labels: Labels ?? {},
      running: State === "running",
    }));
  } catch (error) {
    throw engineError(`the containers on network ${network} could not be listed`, error, signal);
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
