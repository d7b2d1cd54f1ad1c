import { hostsOfRule } from "./rule.js";

/** One router of a container's labels. */
export interface Router {
  readonly name: string;
  /** In lower case. */
  readonly hosts: readonly string[];
  /** The one with the highest gets the request. */
  readonly priority: number;
  /** Undefined: all. */
  readonly entrypoints: readonly string[] | undefined;
  /** Name of a service of this or another container. */
  readonly service: string;
}

/** What a container's labels ask for. */
export interface LabelledRoutes {
  /** On which the container is to be reached. */
  readonly network: string | undefined;
  readonly routers: readonly Router[];
  /** Port by the name of the service. */
  readonly services: ReadonlyMap<string, number>;
  /** Sentences about labels that were not followed. */
  readonly problems: readonly string[];
}

const routerLabel = /^traefik\.http\.routers\.([^.@]+)\.(.+)$/;
const portLabel = /^traefik\.http\.services\.([^.@]+)\.loadbalancer\.server\.port$/;
/** Options of a router that change nothing of where its requests go. */
const withoutEffect = /^(?:observability\.|rulesyntax$)/;
/** What Traefik takes for true: Go's strconv.ParseBool. */
const truths = new Set(["1", "t", "T", "TRUE", "true", "True"]);

/**
 * Reads the part of Traefik's labels that previews use: `traefik.enable`, `traefik.docker.network`, of a router `rule`, `priority`,
 * `entrypoints` and `service`, of a service `loadbalancer.server.port`. A router with any other option (middlewares, TLS) is left
 * out: half of what was asked for may be worse than nothing, if a password is the other half.
 *
 * @returns undefined when the container is not to be exposed
 * @see https://doc.traefik.io/traefik/reference/routing-configuration/other-providers/docker/
 */
export function readLabels(labels: Readonly<Record<string, string>>): LabelledRoutes | undefined {
  // Labels are case-insensitive; the names of routers and services in them become lower-case with the rest.
  const lower = new Map(Object.entries(labels).map(([key, value]) => [key.toLowerCase(), value] as const));
  if (!truths.has(lower.get("traefik.enable") ?? "")) return undefined;
  const problems: string[] = [];
  const services = new Map<string, number>();
  const options = new Map<string, Map<string, string>>();
  for (const [key, value] of lower) {
    const [, service] = portLabel.exec(key) ?? [];
    const [, router, option] = routerLabel.exec(key) ?? [];
    if (service) {
      const port = /^\d{1,5}$/.test(value) ? Number(value) : 0;
      if (port >= 1 && port <= 65535) services.set(service, port);
      else problems.push(`service ${service} has no port: ${JSON.stringify(value)}`);
    } else if (router && option) {
      options.set(router, (options.get(router) ?? new Map<string, string>()).set(option, value));
    }
  }
  const routers = [...options].flatMap(([name, given]) => {
    const router = routerOf(name, given, services);
    if (typeof router !== "string") return router;
    problems.push(`router ${name} gets no route: ${router}`);
    return [];
  });
  return { network: lower.get("traefik.docker.network"), routers, services, problems };
}

/** The router, or why there is none. */
function routerOf(
  name: string,
  options: ReadonlyMap<string, string>,
  services: ReadonlyMap<string, number>,
): Router | string {
  const known = new Set(["rule", "priority", "entrypoints", "service"]);
  for (const option of options.keys()) {
    if (!known.has(option) && !withoutEffect.test(option)) return `its option ${option} is not known here`;
  }
  const rule = options.get("rule");
  if (rule === undefined) return "it has no rule";
  const hosts = hostsOfRule(rule);
  if (!hosts) return `its rule is more than hosts: ${rule}`;
  const priority = options.get("priority") ?? "0";
  if (!/^-?\d{1,15}$/.test(priority)) return `its priority is no number: ${priority}`;
  const [only, ...others] = services.keys();
  const service =
    options
      .get("service")
      ?.toLowerCase()
      .replace(/@docker$/, "") ?? (others.length === 0 ? only : undefined);
  if (service === undefined)
    return only ? "it says not which of several services it means" : "no service has a port";
  const entrypoints = options
    .get("entrypoints")
    ?.split(",")
    .map((entrypoint) => entrypoint.trim());
  // A router without a priority of its own has that of its rule's length.
  return { name, hosts, priority: Number(priority) || rule.length, entrypoints, service };
}
