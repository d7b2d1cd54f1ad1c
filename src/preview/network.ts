import { createHash } from "node:crypto";
import {
  createNetwork,
  type Docker,
  findContainers,
  findNetworks,
  removeNetwork,
  usedSubnets,
} from "../docker/index.js";
import { GalleyError } from "../errors/index.js";
import { hostRoutes } from "./host-routes.js";
import { environmentLabels, networkName, type Owner, ownerLabels } from "./labels.js";
import { disconnectOthers } from "./proxy.js";
import { freeSubnets, prefixFor, subnetsOverlap } from "./subnets.js";

export interface NetworkOptions {
  /** Where the subnets of environments come from. Default: `10.213.0.0/16`, room for 4,096 environments. */
  readonly pool?: string | undefined;
  /**
   * The network that the proxy is on. It is connected to each environment's network; environments never join this one. Absent: the
   * ingress runs on this machine and reaches containers by their address.
   */
  readonly publicNetwork?: string | undefined;
  /** Subnets that the engine's machine has routes to. Default: those of this machine. */
  readonly routes?: (() => Promise<readonly string[]>) | undefined;
}

export const DEFAULT_POOL = "10.213.0.0/16";
/** Networks that are tried when others take the subnets at the same time. */
const MAX_TRIES = 100;

/**
 * Makes an environment's own bridge network, unless it is there, and returns its name.
 *
 * @param services how many run in it; there is room for two deployments side by side
 * @throws preview_subnets_used_up (also when the network that is there has become too small), engine_error
 */
export async function ensureEnvironmentNetwork(
  docker: Docker,
  owner: Owner,
  services: number,
  options: NetworkOptions,
  signal: AbortSignal,
): Promise<string> {
  const name = networkName(owner.environment);
  const there = await findNetworks(docker, environmentLabels(owner), signal);
  const pool = options.pool ?? DEFAULT_POOL;
  const prefix = prefixFor(2 * services + 2);
  const found = there.find((network) => network.name === name);
  if (found) {
    const small = found.subnets.some((subnet) => Number(subnet.split("/")[1]) > prefix);
    if (!small) return name;
    if ((await findContainers(docker, environmentLabels(owner), signal)).length > 0) {
      throw new GalleyError(
        "preview_subnets_used_up",
        `the network of this preview (${found.subnets.join(", ")}) was made for fewer services than the ${services} that there are now`,
        { hint: "Terminate the preview and deploy it again: it then gets a larger one." },
      );
    }
    await disconnectOthers(docker, found.id, owner, signal);
    await removeNetwork(docker, found.id, signal);
  }
  const networks = await usedSubnets(docker, signal);
  const routes = await (options.routes ?? hostRoutes)();
  const candidates = freeSubnets(pool, prefix, [...networks, ...routes], seedOf(name));
  let tries = 0;
  for (const subnet of candidates) {
    tries += 1;
    if (tries > MAX_TRIES) break;
    if (await createNetwork(docker, { name, labels: ownerLabels(owner), subnet }, signal)) return name;
  }
  const blocking = routes.filter((route) => subnetsOverlap(route, pool));
  const taken = networks.filter((subnet) => subnetsOverlap(subnet, pool));
  throw new GalleyError(
    "preview_subnets_used_up",
    `no subnet is left in ${pool} for the network of another preview: ${taken.length} of its networks are in use, ` +
      `and ${blocking.length === 0 ? "no route" : `routes to ${blocking.slice(0, 3).join(", ")}`} of this machine overlap it`,
    {
      hint: "Take down previews that nobody needs, or give the agent a larger pool that nothing else uses (GALLEY_PREVIEW_POOL).",
    },
  );
}

/** The same environment looks in the same place again; others begin elsewhere. */
function seedOf(name: string): number {
  return createHash("sha256").update(name).digest().readUInt32BE(0);
}
