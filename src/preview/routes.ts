/** How the proxy is told of a preview. */
export interface Routing {
  /** Names of the proxy's entry points. Default: `websecure` with TLS, else `web`. */
  readonly entrypoints?: readonly string[] | undefined;
  /** Default: false. */
  readonly tls?: boolean | undefined;
  /** The certificate resolver of the proxy. Default: its own default certificate. */
  readonly certResolver?: string | undefined;
}

export interface Route {
  /** The environment's network, on which the proxy reaches the container. */
  readonly network: string;
  readonly environment: string;
  readonly service: string;
  /** Of the deployment, counted per environment. */
  readonly number: number;
  readonly host: string;
  readonly port: number;
}

/** A catch-all such as a waking page has priority 1, and the length of a rule is the priority where none is given. */
const BASE_PRIORITY = 1_000;

/**
 * The labels that make Traefik (and the local ingress) send a host's requests to a container. Two routers of one name that differ
 * are both dropped, and services of one name share their requests: so the deployment's number is in both names. It is in the
 * priority, too: the newest wins as soon as it may be asked.
 *
 * @see https://doc.traefik.io/traefik/reference/routing-configuration/other-providers/docker/
 */
export function routeLabels(route: Route, routing: Routing = {}): Record<string, string> {
  const name = `${route.environment}-${route.service}-${route.number}`;
  const router = `traefik.http.routers.${name}`;
  const entrypoints = routing.entrypoints ?? [routing.tls ? "websecure" : "web"];
  return {
    "traefik.enable": "true",
    "traefik.docker.network": route.network,
    [`${router}.rule`]: `Host(\`${route.host}\`)`,
    [`${router}.entrypoints`]: entrypoints.join(","),
    [`${router}.priority`]: String(BASE_PRIORITY + route.number),
    [`${router}.service`]: name,
    ...(routing.tls ? { [`${router}.tls`]: "true" } : {}),
    ...(routing.tls && routing.certResolver ? { [`${router}.tls.certresolver`]: routing.certResolver } : {}),
    [`traefik.http.services.${name}.loadbalancer.server.port`]: String(route.port),
  };
}
