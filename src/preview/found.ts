import {
  type ContainerState,
  type Docker,
  findContainers,
  findNetworks,
  findVolumes,
  inspectContainer,
} from "../docker/index.js";
import { type Check, readCheck } from "./check.js";
import { environmentLabels, labelKeys, networkName, type Owner } from "./labels.js";

/** What an environment has on an engine. */
export interface FoundEnvironment {
  /** Id. */
  readonly environment: string;
  readonly project: string;
  /** Those that its containers were made for. A service that has not changed stays with the deployment that made it. */
  readonly deployments: readonly string[];
  readonly containers: number;
  /** Of the containers, those that run. */
  readonly running: number;
}

/** Every environment of an agent that has a container, a network or a volume on the engine, running or not. */
export async function findEnvironments(
  docker: Docker,
  agent: string,
  signal: AbortSignal,
): Promise<FoundEnvironment[]> {
  const ours = { [labelKeys.agent]: agent };
  const [containers, networks, volumes] = await Promise.all([
    findContainers(docker, ours, signal),
    findNetworks(docker, ours, signal),
    findVolumes(docker, ours, signal),
  ]);
  const found = new Map<
    string,
    { project: string; deployments: Set<string>; all: number; running: number }
  >();
  for (const { labels } of [...networks, ...volumes, ...containers]) entry(labels);
  for (const { labels, running } of containers) {
    const environment = entry(labels);
    if (!environment) continue;
    environment.all += 1;
    if (running) environment.running += 1;
    const deployment = labels[labelKeys.deployment];
    if (deployment) environment.deployments.add(deployment);
  }
  return [...found].map(([environment, { project, deployments, all, running }]) => ({
    environment,
    project,
    deployments: [...deployments],
    containers: all,
    running,
  }));

  function entry(labels: Readonly<Record<string, string>>) {
    const environment = labels[labelKeys.environment];
    if (!environment) return undefined;
    const there = found.get(environment);
    if (there) return there;
    const made = {
      project: labels[labelKeys.project] ?? "",
      deployments: new Set<string>(),
      all: 0,
      running: 0,
    };
    found.set(environment, made);
    return made;
  }
}

/** A container of a service as it was found. */
export interface FoundService {
  readonly id: string;
  readonly name: string;
  readonly service: string;
  /** Id of the one that it was made for. */
  readonly deployment: string;
  readonly number: number;
  readonly settings: string;
  readonly check: Check;
  /** It is stopped when another one takes its place: both would write to one volume. */
  readonly alone: boolean;
  readonly running: boolean;
  /** As the engine's health check says. */
  readonly healthy: boolean;
  /** It has ended with exit code 0. */
  readonly completed: boolean;
  /** What the names of other services mean to it. */
  readonly links: Readonly<Record<string, string>>;
}

/** The containers of an environment's services, the newest of a service first. */
export async function findServices(
  docker: Docker,
  owner: Pick<Owner, "agent" | "environment">,
  signal: AbortSignal,
): Promise<FoundService[]> {
  const network = networkName(owner.environment);
  const found = await findContainers(docker, environmentLabels(owner), signal);
  const services = found.filter(({ labels }) => labels[labelKeys.role] === "service");
  const states = await Promise.all(services.map(({ id }) => inspectContainer(docker, id, signal)));
  return states
    .flatMap((state) => (state ? [serviceOf(state, network)] : []))
    .sort((a, b) => b.number - a.number);
}

function serviceOf(state: ContainerState, network: string): FoundService {
  const { id, name, labels, running, restarting, created, exitCode } = state;
  return {
    id,
    name,
    service: labels[labelKeys.service] ?? "",
    deployment: labels[labelKeys.deployment] ?? "",
    number: Number(labels[labelKeys.number] ?? 0) || 0,
    settings: labels[labelKeys.settings] ?? "",
    check: readCheck(labels),
    alone: labels[labelKeys.alone] === "true",
    running: running && !restarting,
    healthy: running && state.health === "healthy",
    completed: !running && !created && exitCode === 0,
    links: state.links[network] ?? {},
  };
}
