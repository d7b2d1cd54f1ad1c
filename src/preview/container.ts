import { createHash } from "node:crypto";
import type { ContainerFile, ContainerLimits, ContainerSpec, HealthCheckSpec } from "../docker/index.js";
import type { Service } from "../manifest/index.js";
import type { Check } from "./check.js";
import { labelKeys, type Owner, ownerLabels } from "./labels.js";
import { type Routing, routeLabels } from "./routes.js";
import { mountsOf, type PlannedVolume, writesAlone } from "./volumes.js";

/**
 * What images of databases, web servers and language runtimes need to give up root, own their directories and listen below port
 * 1024. Never NET_ADMIN or NET_RAW: with them a container reaches what its network keeps from it.
 */
const CAPABILITIES = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID"];

/** Everything that decides what a service's container is. */
export interface Plan {
  readonly owner: Owner;
  readonly service: Service;
  /** Id of the image. */
  readonly image: string;
  readonly network: string;
  readonly env: Readonly<Record<string, string>>;
  readonly limits: ContainerLimits;
  readonly volumes: readonly PlannedVolume[];
  readonly files: readonly ContainerFile[];
  readonly check: Check;
  /** The health check that keeps requests away until the gate is open; of a service with a gate. */
  readonly gate: HealthCheckSpec | undefined;
  /** Host name of a public service. */
  readonly host: string | undefined;
  readonly routing: Routing | undefined;
  /** What it exposes is published on a free port of 127.0.0.1. */
  readonly published: boolean;
}

/** How a container is found, and finds others. */
export interface Names {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly links: Readonly<Record<string, string>>;
}

/** Equal for two plans that would make the same container. A hash, because it becomes a label and the environment may hold secrets. */
export function settingsOf(plan: Plan): string {
  const { service, image, env, limits, files, volumes, host, routing, published, check, gate } = plan;
  const { command, entrypoint, expose, workingDirectory, user, restart, healthCheck } = service;
  const all = [
    [image, command, entrypoint, expose, workingDirectory, user, restart, healthCheck, check, gate?.test],
    [env, limits, host, routing, published, CAPABILITIES],
    // Those that are made anew each time are another's each time, and never the reason for it.
    volumes.map(({ fresh, name, ...rest }) => (fresh ? rest : { name, ...rest })),
    files.map(({ target, mode, content }) => [target, mode, content.toString("base64")]),
  ];
  return createHash("sha256").update(JSON.stringify(all)).digest("hex").slice(0, 32);
}

export const containerName = (network: string, service: string, number: number) =>
  `${network}-${service}-${number}`;

/** @param number of the deployment, counted per environment: containers of two deployments may stand side by side */
export function containerOf(
  plan: Plan,
  { name, aliases, links }: Names,
  deployment: string,
  number: number,
): ContainerSpec {
  const { owner, service, network, host, published, check, volumes } = plan;
  const { expose } = service;
  const route = { network, environment: owner.environment, service: service.name, number };
  return {
    ...commonOf(plan),
    name,
    labels: {
      ...ownerLabels(owner),
      [labelKeys.deployment]: deployment,
      [labelKeys.service]: service.name,
      [labelKeys.number]: String(number),
      // Said also so that no label of the image says something else.
      [labelKeys.role]: "service",
      [labelKeys.settings]: settingsOf(plan),
      [labelKeys.check]: JSON.stringify(check),
      ...(writesAlone(service, volumes) ? { [labelKeys.alone]: "true" } : {}),
      ...(host !== undefined && expose !== undefined
        ? routeLabels({ ...route, host, port: expose }, plan.routing)
        : {}),
    },
    command: service.command,
    entrypoint: service.entrypoint,
    aliases,
    links,
    publish: published && expose !== undefined ? { [expose]: 0 } : {},
    restart: restartOf(service, check),
    healthCheck: plan.gate ?? service.healthCheck,
  };
}

/** One that runs a hook: as the service's own in all but what it runs, how it is found, and that it ends. */
export function hookContainerOf(
  plan: Plan,
  { name, links }: Pick<Names, "name" | "links">,
  command: readonly string[],
  deployment: string,
): ContainerSpec {
  const [program, ...args] = command;
  return {
    ...commonOf(plan),
    name,
    labels: {
      ...ownerLabels(plan.owner),
      [labelKeys.deployment]: deployment,
      [labelKeys.service]: plan.service.name,
      [labelKeys.role]: "hook",
    },
    // The whole command, not arguments for what the image would start.
    entrypoint: program === undefined ? undefined : [program],
    command: args,
    aliases: [],
    links,
    publish: {},
    restart: "no",
    healthCheck: "none",
  };
}

function commonOf({ image, env, network, volumes, limits, service }: Plan) {
  return {
    image,
    env,
    network,
    workingDirectory: service.workingDirectory,
    user: service.user,
    mounts: mountsOf(volumes),
    capabilities: CAPABILITIES,
    limits,
  };
}

/** `always` would start what was hibernated with the engine. */
function restartOf({ restart }: Service, { once }: Check): ContainerSpec["restart"] {
  if (restart === "no" || restart === "on-failure") return restart;
  return once ? "no" : "unless-stopped";
}
