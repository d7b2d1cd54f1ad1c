import {
  connectNetwork,
  containersOnNetwork,
  type Docker,
  disconnectNetwork,
  findNetworks,
} from "../docker/index.js";
import { labelKeys, networkName, type Owner } from "./labels.js";

/** Below that of any other network, so that the proxy's way out and its published ports stay where they are. */
const GATEWAY_PRIORITY = -100;

/** Ids of the proxies on a network: what carries `sh.galley.role=proxy`, else what runs Traefik's image. */
async function findProxies(docker: Docker, publicNetwork: string, signal: AbortSignal): Promise<string[]> {
  const found = await containersOnNetwork(docker, publicNetwork, signal);
  const labelled = found.filter(({ labels }) => labels[labelKeys.role] === "proxy");
  const proxies = labelled.length > 0 ? labelled : found.filter(({ image }) => isTraefik(image));
  return proxies.map(({ id }) => id);
}

/** `traefik:v3`, `registry.example.org/mirror/traefik@sha256:…` */
function isTraefik(image: string): boolean {
  return /(?:^|\/)traefik(?:[:@]|$)/.test(image);
}

/**
 * Connects the proxy to an environment's network. Before its containers start: the proxy looks at networks only when they do.
 *
 * @returns false when there is no proxy
 */
export async function connectProxy(
  docker: Docker,
  network: string,
  publicNetwork: string,
  signal: AbortSignal,
): Promise<boolean> {
  const proxies = await findProxies(docker, publicNetwork, signal);
  for (const id of proxies) await connectNetwork(docker, network, id, signal, GATEWAY_PRIORITY);
  return proxies.length > 0;
}

/**
 * Connects the proxy to the networks of all of an agent's environments. For the agent's start, and whenever the proxy was started: a
 * proxy that is made anew has lost its connections. Not to those where nothing runs: a hibernated one is connected when it wakes.
 *
 * @returns how many networks there are
 */
export async function reconnectProxy(
  docker: Docker,
  agent: string,
  publicNetwork: string,
  signal: AbortSignal,
): Promise<number> {
  const proxies = await findProxies(docker, publicNetwork, signal);
  const networks = await findNetworks(docker, { [labelKeys.agent]: agent }, signal);
  const ours = networks.filter(
    ({ name, labels }) => name === networkName(labels[labelKeys.environment] ?? ""),
  );
  for (const { id: network } of ours) {
    const found = await containersOnNetwork(docker, network, signal);
    if (!found.some(({ labels, running }) => running && labels[labelKeys.agent] === agent)) continue;
    const there = new Set(found.map(({ id }) => id));
    for (const id of proxies)
      if (!there.has(id)) await connectNetwork(docker, network, id, signal, GATEWAY_PRIORITY);
  }
  return ours.length;
}

/**
 * Disconnects from a network whatever is not of its environment: the proxy, also one that does not run (a network that vanishes keeps it
 * from starting again), and what people have connected by hand. The containers themselves stay as they are.
 */
export async function disconnectOthers(
  docker: Docker,
  network: string,
  owner: Pick<Owner, "agent" | "environment">,
  signal: AbortSignal,
): Promise<void> {
  for (const { id, labels } of await containersOnNetwork(docker, network, signal)) {
    if (labels[labelKeys.agent] === owner.agent && labels[labelKeys.environment] === owner.environment)
      continue;
    await disconnectNetwork(docker, network, id, signal);
  }
}
