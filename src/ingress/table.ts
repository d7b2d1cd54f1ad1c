import { isDeepStrictEqual } from "node:util";
import { type Router, readLabels } from "./labels.js";
import { hostName } from "./rule.js";

/** A container as the engine shows it. */
export interface RoutedContainer {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** By the name of the network. */
  readonly addresses: Readonly<Record<string, string>>;
  /** Port inside to port on 127.0.0.1. */
  readonly published: Readonly<Record<number, number>>;
}

/** Where a request goes. */
export interface Upstream {
  readonly host: string;
  readonly port: number;
  /** Id of the container; absent where it is none. */
  readonly container?: string | undefined;
}

export interface RoutingTable {
  /** Of the servers of one service each gets its turn. Undefined: nobody has the host. */
  upstream(host: string): Upstream | undefined;
  /** Whether a container has a host, and every host that it asks for is sent to it. */
  leadsTo(container: string): boolean;
  readonly problems: readonly string[];
}

/**
 * The routes that containers ask for by their labels, as Traefik would make them of the same: routers of one name that differ are
 * dropped, services of one name share their requests, the highest priority wins.
 *
 * @param containers those that run and are not starting or unhealthy
 * @param entrypoint the one that this ingress stands for
 * @param usePublished reach containers by their port on 127.0.0.1 where they have one: for engines whose networks are out of reach
 */
export function routingTable(
  containers: readonly RoutedContainer[],
  entrypoint: string,
  usePublished: boolean,
): RoutingTable {
  const problems: string[] = [];
  const routers = new Map<string, Router | "differ">();
  const servers = new Map<string, Upstream[]>();
  const asked = new Map<string, readonly string[]>();
  for (const container of [...containers].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const routes = readLabels(container.labels);
    if (!routes) continue;
    asked.set(
      container.id,
      routes.routers.filter(isOurs).map(({ name }) => name),
    );
    problems.push(...routes.problems.map((problem) => `container ${container.name}: ${problem}`));
    for (const router of routes.routers) {
      const same = routers.get(router.name);
      if (same === undefined) routers.set(router.name, router);
      else if (!isDeepStrictEqual(same, router)) {
        if (same !== "differ")
          problems.push(`router ${router.name} is defined in two ways: both are dropped`);
        routers.set(router.name, "differ");
      }
    }
    for (const [service, port] of routes.services) {
      const upstream = upstreamOf(container, routes.network, port, usePublished);
      if (upstream) servers.set(service, [...(servers.get(service) ?? []), upstream]);
      else problems.push(`container ${container.name} has no address on the network ${routes.network}`);
    }
  }

  const best = new Map<string, Router>();
  for (const router of routers.values()) {
    if (router === "differ" || !isOurs(router)) continue;
    for (const host of router.hosts) {
      const other = best.get(host);
      if (!other || other.priority < router.priority) best.set(host, router);
    }
  }
  const turns = new Map<string, number>();
  return {
    problems,
    leadsTo(container) {
      const names = asked.get(container) ?? [];
      return names.length > 0 && names.every((name) => wins(routers.get(name), container));
    },
    upstream(host) {
      const router = best.get(hostName(host) ?? "");
      const choice = router && servers.get(router.service);
      if (!router || !choice) return undefined;
      const turn = turns.get(router.service) ?? 0;
      turns.set(router.service, (turn + 1) % choice.length);
      return choice[turn % choice.length];
    },
  };

  function isOurs({ entrypoints }: Router): boolean {
    return entrypoints?.includes(entrypoint) ?? true;
  }

  function wins(router: Router | "differ" | undefined, container: string): boolean {
    if (router === undefined || router === "differ") return false;
    const serves = servers.get(router.service)?.some((server) => server.container === container) === true;
    return serves && router.hosts.every((host) => best.get(host) === router);
  }
}

/** A network that is named and not there counts as not named, as in Traefik. */
function upstreamOf(
  { id: container, addresses, published }: RoutedContainer,
  network: string | undefined,
  port: number,
  usePublished: boolean,
): Upstream | undefined {
  const outer = usePublished ? published[port] : undefined;
  if (outer !== undefined) return { host: "127.0.0.1", port: outer, container };
  const host = (network === undefined ? undefined : addresses[network]) ?? Object.values(addresses)[0];
  return host === undefined ? undefined : { host, port, container };
}
