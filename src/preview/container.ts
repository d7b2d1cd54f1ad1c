import { createHash } from "node:crypto";
import type { ContainerLimits, ContainerSpec } from "../docker/index.js";
import type { Service } from "../manifest/index.js";
import { labelKeys, type Owner, ownerLabels } from "./labels.js";
import { type Routing, routeLabels } from "./routes.js";

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
  /** Path inside to the name of a volume. */
  readonly volumes: Readonly<Record<string, string>>;
  /** Host name of a public service. */
  readonly host: string | undefined;
  readonly routing: Routing | undefined;
  /** What it exposes is published on a free port of 127.0.0.1. */
  readonly published: boolean;
}

/** Equal for two plans that would make the same container. A hash, because it becomes a label and the environment may hold secrets. */
export function settingsOf(plan: Plan): string {
  const { service, image, env, limits, volumes, host, routing, published } = plan;
  const { command, expose, health } = service;
  const all = [image, env, command, expose, health, limits, volumes, host, routing, published, CAPABILITIES];
  return createHash("sha256").update(JSON.stringify(all)).digest("hex").slice(0, 32);
}

/** @param number of the deployment, counted per environment: containers of two deployments may stand side by side */
export function containerOf(plan: Plan, deployment: string, number: number): ContainerSpec {
  const { owner, service, network, host, published } = plan;
  const { name, expose } = service;
  const route = { network, environment: owner.environment, service: name, number };
  return {
    name: `${network}-${name}-${number}`,
    image: plan.image,
    labels: {
      ...ownerLabels(owner),
      [labelKeys.deployment]: deployment,
      [labelKeys.service]: name,
      [labelKeys.number]: String(number),
      // Said also so that no label of the image says something else.
      [labelKeys.role]: "service",
      [labelKeys.settings]: settingsOf(plan),
      ...(host !== undefined && expose !== undefined
        ? routeLabels({ ...route, host, port: expose }, plan.routing)
        : {}),
    },
    env: plan.env,
    command: service.command,
    network,
    aliases: [name],
    publish: published && expose !== undefined ? { [expose]: 0 } : {},
    volumes: plan.volumes,
    capabilities: CAPABILITIES,
    limits: plan.limits,
    restart: "unless-stopped",
  };
}
