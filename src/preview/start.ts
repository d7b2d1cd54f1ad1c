import { createHash } from "node:crypto";
import {
  type Docker,
  ensureNetwork,
  findContainers,
  inspectContainer,
  removeContainer,
  startContainer,
} from "../docker/index.js";
import { GalleyError } from "../errors/index.js";
import { type Manifest, type Service, startOrder } from "../manifest/index.js";
import { type Owner, ownerLabels } from "./labels.js";
import { waitUntilUp } from "./wait.js";

export interface StartOptions {
  readonly owner: Owner;
  /** Tells this start from an earlier one of the same environment, for example the commit. */
  readonly deployment: string;
  /** Image id or name by service. */
  readonly images: ReadonlyMap<string, string>;
  /** Port on 127.0.0.1 of the public service; 0 or absent: a free one. */
  readonly publicPort?: number | undefined;
  readonly onState?: (service: string, state: "starting" | "healthy" | "unchanged") => void;
  readonly signal: AbortSignal;
}

export interface RunningEnvironment {
  /** URL of the public service: the first of kind `web`, else the first that exposes a port. */
  readonly url: string | undefined;
  readonly containers: ReadonlyMap<string, string>;
}

/**
 * Starts the services of a manifest on a network of their own, in the order of their dependencies, each when those that it
 * needs are up. A service that runs already from the same image with the same settings is left alone; containers of services
 * that are no longer there are removed.
 *
 * @throws GalleyError container_failed, container_unhealthy (with the last lines of the log), port_in_use
 */
export async function startEnvironment(
  docker: Docker,
  manifest: Manifest,
  options: StartOptions,
): Promise<RunningEnvironment> {
  const { owner, signal } = options;
  const labels = ownerLabels(owner);
  const network = `galley-${owner.project}-${owner.environment}`;
  await ensureNetwork(docker, { name: network, labels }, signal);
  const running = await runningServices(docker, labels, signal);
  const wanted = new Set(manifest.services.map(({ name }) => name));
  for (const [service, container] of running) {
    if (!wanted.has(service)) await removeContainer(docker, container.id, signal, 10);
  }
  const publicService = publicOf(manifest);
  const containers = new Map<string, string>();
  for (const wave of startOrder(manifest.services)) {
    await Promise.all(wave.map(async (service) => containers.set(service.name, await up(service))));
  }
  const port =
    publicService?.expose &&
    (await publishedPort(containers.get(publicService.name) ?? "", publicService.expose));
  return { url: port ? `http://127.0.0.1:${port}` : undefined, containers };

  async function up(service: Service): Promise<string> {
    const image = options.images.get(service.name);
    if (!image) throw new GalleyError("container_failed", `service ${service.name} has no image`);
    const settings = settingsOf(service, image, service === publicService ? (options.publicPort ?? 0) : 0);
    const old = running.get(service.name);
    if (old?.running && old.settings === settings) {
      options.onState?.(service.name, "unchanged");
      await waitUntilUp(docker, old.id, service, signal);
      return old.id;
    }
    if (old) await removeContainer(docker, old.id, signal, 10);
    options.onState?.(service.name, "starting");
    const id = await startContainer(
      docker,
      {
        name: `${network}-${service.name}`,
        image,
        labels: {
          ...labels,
          "sh.galley.deployment": options.deployment,
          "sh.galley.service": service.name,
          "sh.galley.settings": settings,
        },
        env: service.env,
        command: service.command,
        network,
        aliases: [service.name],
        publish:
          service.expose && (service === publicService || service.health)
            ? { [service.expose]: service === publicService ? (options.publicPort ?? 0) : 0 }
            : {},
      },
      signal,
    );
    await waitUntilUp(docker, id, service, signal);
    options.onState?.(service.name, "healthy");
    return id;
  }

  async function publishedPort(id: string, inner: number): Promise<number | undefined> {
    return (await inspectContainer(docker, id, signal))?.published[inner];
  }
}

interface RunningService {
  readonly id: string;
  readonly running: boolean;
  readonly settings: string;
}

async function runningServices(
  docker: Docker,
  labels: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Map<string, RunningService>> {
  const services = new Map<string, RunningService>();
  for (const { id, labels: found } of await findContainers(docker, labels, signal)) {
    const service = found["sh.galley.service"];
    const state = await inspectContainer(docker, id, signal);
    if (service && state) {
      services.set(service, { id, running: state.running, settings: found["sh.galley.settings"] ?? "" });
    }
  }
  return services;
}

function publicOf({ services }: Manifest): Service | undefined {
  return (
    services.find(({ kind, expose }) => kind === "web" && expose) ?? services.find(({ expose }) => expose)
  );
}

/** Equal for two starts that would make the same container. A hash, because it becomes a label and the environment may hold secrets. */
function settingsOf(service: Service, image: string, port: number): string {
  const settings = JSON.stringify([
    image,
    service.env,
    service.command,
    service.expose,
    service.health,
    port,
  ]);
  return createHash("sha256").update(settings).digest("hex").slice(0, 32);
}
