import {
  type ContainerLimits,
  type Docker,
  engineFacts,
  type ImageFacts,
  inspectImage,
  removeContainer,
  startContainer,
} from "../docker/index.js";
import { GalleyError } from "../errors/index.js";
import { type Manifest, type Service, startOrder } from "../manifest/index.js";
import { containerOf, type Plan, settingsOf } from "./container.js";
import { findServices } from "./found.js";
import type { PublicAddress } from "./hosts.js";
import type { Owner } from "./labels.js";
import { ensureEnvironmentNetwork, type NetworkOptions } from "./network.js";
import { directProbe, type Probe } from "./probe.js";
import { connectProxy } from "./proxy.js";
import type { Routing } from "./routes.js";
import { sideBySide } from "./side-by-side.js";
import { ensureVolumes } from "./volumes.js";
import { waitUntilUp } from "./wait.js";

export interface StartOptions extends NetworkOptions {
  readonly owner: Owner;
  /** Id of the deployment. */
  readonly deployment: string;
  /** Image id or name by service; all of them are on the engine. */
  readonly images: ReadonlyMap<string, string>;
  /** From `hostsOf`. Services that are not in it get no route. */
  readonly hosts: ReadonlyMap<string, PublicAddress>;
  readonly routing?: Routing | undefined;
  /** For services that pin none. More CPUs than the engine has are taken for all that it has. */
  readonly limits?: ContainerLimits | undefined;
  /** For every service; its own of the same name wins. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** How health is asked. Default: from this process, by address. */
  readonly probe?: Probe | undefined;
  /**
   * Publishes what services expose on 127.0.0.1, on free ports, and asks for health there. For a machine that cannot reach the engine's
   * bridges, such as one whose engine is in a virtual machine. Default: false.
   */
  readonly publish?: boolean | undefined;
  readonly onState?: (service: string, state: "starting" | "healthy" | "unchanged" | "removed") => void;
  readonly signal: AbortSignal;
}

export interface RunningService {
  /** Id. */
  readonly container: string;
  readonly url: string | undefined;
}

export interface RunningEnvironment {
  /** Of the first public service. */
  readonly url: string | undefined;
  /** In the order of the manifest. */
  readonly services: ReadonlyMap<string, RunningService>;
  /** False when no proxy is on the public network: only an ingress on the engine's machine reaches the environment. */
  readonly proxied: boolean;
}

/**
 * Starts the services of a manifest on a network of their own, in the order of their dependencies, each when those that it
 * needs are up. A service that runs already from the same image with the same settings is left alone, unless one that it depends on
 * was replaced: it may have looked up its address once and for all. Containers of services that are no longer there are removed.
 *
 * What was started stays when a later service fails: its log is worth a look, and the next deployment takes it up.
 *
 * @throws GalleyError container_failed, container_unhealthy (with the last lines of the log), image_not_found,
 *   preview_subnets_used_up, port_in_use
 */
export async function startEnvironment(
  docker: Docker,
  manifest: Manifest,
  options: StartOptions,
): Promise<RunningEnvironment> {
  const { owner, images, hosts, routing, onState, probe = directProbe } = options;
  const waves = startOrder(manifest.services);
  const { cpus } = await engineFacts(docker, options.signal);
  const limits = atMost(options.limits, cpus);
  const network = await ensureEnvironmentNetwork(
    docker,
    owner,
    manifest.services.length,
    options,
    options.signal,
  );
  const proxied =
    options.publicNetwork !== undefined &&
    (await connectProxy(docker, network, options.publicNetwork, options.signal));
  const found = await findServices(docker, owner, options.signal);
  const number = Math.max(0, ...found.map((container) => container.number)) + 1;
  const wanted = new Set(manifest.services.map(({ name }) => name));
  const gone = found.filter(({ service }) => !wanted.has(service));
  await sideBySide(gone, options.signal, async ({ id, service }, signal) => {
    await removeContainer(docker, id, signal, STOP_SECONDS);
    onState?.(service, "removed");
  });

  const containers = new Map<string, string>();
  const replaced = new Set<string>();
  for (const wave of waves) {
    await sideBySide(wave, options.signal, async (service, signal) => {
      containers.set(service.name, await up(service, signal));
    });
  }
  const services = new Map(
    manifest.services.map(({ name }) => {
      const service = { container: containers.get(name) ?? "", url: hosts.get(name)?.url };
      return [name, service] as const;
    }),
  );
  return { url: [...hosts.values()][0]?.url, services, proxied };

  async function up(service: Service, signal: AbortSignal): Promise<string> {
    const plan = await planOf(service, signal);
    const [current, ...older] = found.filter((container) => container.service === service.name);
    // Left by a deployment that was cut off: they would answer to the same name.
    for (const { id } of older) await removeContainer(docker, id, signal, STOP_SECONDS);
    const stays = current?.running && current.settings === settingsOf(plan);
    if (stays && !service.dependsOn.some((needed) => replaced.has(needed.service))) {
      await waitUntilUp(docker, current.id, service, { network, probe, settled: true }, signal);
      onState?.(service.name, "unchanged");
      return current.id;
    }
    replaced.add(service.name);
    if (current) await removeContainer(docker, current.id, signal, STOP_SECONDS);
    onState?.(service.name, "starting");
    const id = await startContainer(docker, containerOf(plan, options.deployment, number), signal);
    await waitUntilUp(docker, id, service, { network, probe }, signal);
    onState?.(service.name, "healthy");
    return id;
  }

  async function planOf(service: Service, signal: AbortSignal): Promise<Plan> {
    const name = images.get(service.name);
    const image = name === undefined ? undefined : await inspectImage(docker, name, signal);
    if (!image) {
      throw new GalleyError("image_not_found", `service ${service.name} has no image on this engine`, {
        hint: "Somebody may have removed it since it was built or pulled: deploy again.",
      });
    }
    refuseRoutes(service, image);
    return {
      owner,
      service,
      image: image.id,
      network,
      env: { ...options.env, ...service.env },
      limits,
      volumes: await ensureVolumes(docker, owner, service, image, signal),
      host: hosts.get(service.name)?.host,
      routing,
      published: options.publish === true,
    };
  }
}

/**
 * A container has its image's labels, too: those of a pull request's Dockerfile could take the requests of other previews, and an empty
 * value in their place would still mean something to the proxy.
 */
function refuseRoutes(service: Service, { labels }: ImageFacts): void {
  const label = Object.keys(labels).find((key) => /^traefik\./i.test(key));
  if (label === undefined) return;
  throw new GalleyError(
    "container_failed",
    `the image of service ${service.name} has the label ${label}: an image says nothing of where a preview is reached`,
    { hint: "Take the LABEL out of its Dockerfile, or of its base image; galley.yml says what is public." },
  );
}

/** Seconds that a container gets to end by itself. */
const STOP_SECONDS = 10;

/** The engine refuses a container more CPUs than it has itself. */
function atMost(limits: ContainerLimits = {}, cpus: number): ContainerLimits {
  return limits.cpus === undefined ? limits : { ...limits, cpus: Math.min(limits.cpus, cpus) };
}
