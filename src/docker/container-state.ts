import type { ContainerInspectInfo } from "dockerode";

export interface ContainerState {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Also while it waits to be started again. */
  readonly running: boolean;
  /** It has ended and waits to be started again. */
  readonly restarting: boolean;
  readonly exitCode: number;
  readonly outOfMemory: boolean;
  readonly restarts: number;
  /** It never ran. */
  readonly created: boolean;
  /** Milliseconds since 1970 of its last start; 0 before the first. */
  readonly startedAt: number;
  /** What it runs, entrypoint and arguments. */
  readonly command: readonly string[];
  /** Bytes; 0: no limit. */
  readonly memoryLimit: number;
  /** Port inside to port on 127.0.0.1. */
  readonly published: Readonly<Record<number, number>>;
  /** Its address by the name of the network; networks on which it has none (it does not run) are left out. */
  readonly addresses: Readonly<Record<string, string>>;
  /** By the name of the network: what names mean to it alone. */
  readonly links: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** What the engine runs in it to see whether it is well: `["CMD", ...]`. Empty where there is no health check. */
  readonly healthTest: readonly string[];
  /** Absent where there is no health check. */
  readonly health?: "starting" | "healthy" | "unhealthy";
}

export function stateOf(found: ContainerInspectInfo): ContainerState {
  const { State, Config, HostConfig, NetworkSettings } = found;
  const health = State.Health?.Status;
  const networks = Object.entries(NetworkSettings.Networks ?? {});
  const started = Date.parse(State.StartedAt);
  return {
    id: found.Id,
    name: found.Name.replace(/^\//, ""),
    image: found.Image,
    labels: Config.Labels ?? {},
    running: State.Running,
    restarting: State.Restarting === true,
    exitCode: State.ExitCode,
    outOfMemory: State.OOMKilled,
    restarts: found.RestartCount,
    created: State.Status === "created",
    // Before its first start it is that of the year 1.
    startedAt: Math.max(0, started || 0),
    command: [...[Config.Entrypoint ?? []].flat(), ...(Config.Cmd ?? [])],
    memoryLimit: HostConfig.Memory ?? 0,
    published: Object.fromEntries(
      Object.entries(NetworkSettings.Ports ?? {}).flatMap(([inner, outer]) =>
        outer?.[0] ? [[Number.parseInt(inner, 10), Number(outer[0].HostPort)]] : [],
      ),
    ),
    addresses: Object.fromEntries(
      networks.flatMap(([network, { IPAddress }]) => (IPAddress ? [[network, IPAddress]] : [])),
    ),
    healthTest: (Config as { Healthcheck?: { Test?: string[] } }).Healthcheck?.Test ?? [],
    links: Object.fromEntries(networks.map(([network, { Links }]) => [network, linksOf(Links)])),
    ...(health === "starting" || health === "healthy" || health === "unhealthy" ? { health } : {}),
  };
}

/** `name:alias` */
function linksOf(links: unknown): Record<string, string> {
  if (!Array.isArray(links)) return {};
  return Object.fromEntries(
    links.flatMap((link: unknown) => {
      const [name, alias] = String(link).split(":");
      return name && alias ? [[alias, name]] : [];
    }),
  );
}
