import {
  type ContainerLimits,
  type Docker,
  type EngineFacts,
  type HealthCheckSpec,
  type ImageFacts,
  inspectImage,
} from "../docker/index.js";
import { GalleyError } from "../errors/index.js";
import { type Manifest, type Service, startOrder } from "../manifest/index.js";
import { checkOf } from "./check.js";
import { type Plan, settingsOf } from "./container.js";
import { filesOf } from "./files.js";
import { gateCheck, gateFile } from "./gate.js";
import type { PublicAddress } from "./hosts.js";
import type { Owner } from "./labels.js";
import { checkPlatform, type Emulates } from "./platform.js";
import type { Routing } from "./routes.js";
import { volumesOf, writesAlone } from "./volumes.js";

/** What has to be known of a deployment to say what its containers are. */
export interface PlanOptions {
  readonly owner: Owner;
  /** Image id or name by service; all of them are on the engine. */
  readonly images: ReadonlyMap<string, string>;
  /** From `hostsOf`. Services that are not in it get no route. */
  readonly hosts: ReadonlyMap<string, PublicAddress>;
  readonly routing?: Routing | undefined;
  /** For services that pin none. More CPUs than the engine has are taken for all that it has. */
  readonly limits?: ContainerLimits | undefined;
  /** For every service; its own of the same name wins. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** The project's, for files that are made of them. */
  readonly secrets?: Readonly<Record<string, string>> | undefined;
  /**
   * Publishes what services expose on 127.0.0.1, on free ports, and asks for health there. For a machine that cannot reach the engine's
   * bridges, such as one whose engine is in a virtual machine. Default: false.
   */
  readonly publish?: boolean | undefined;
  /** Default: the engine runs nothing that is for another machine. */
  readonly emulates?: Emulates | undefined;
  /** Something that a person should know before it goes wrong. */
  readonly onNote?: ((text: string) => void) | undefined;
  readonly signal: AbortSignal;
}

/** A service's plan, and what decides whether it replaces the container that is there. */
export interface ServicePlan {
  readonly plan: Plan;
  readonly settings: string;
  readonly inPlace: boolean;
}

/**
 * The plans of all services, each after those that it depends on.
 *
 * @param number of the deployment
 * @throws image_not_found, image_platform_unsupported, manifest_invalid, container_failed for an image that would route requests itself
 */
export async function planEnvironment(
  docker: Docker,
  manifest: Manifest,
  {
    network,
    number,
    facts,
  }: { readonly network: string; readonly number: number; readonly facts: EngineFacts },
  options: PlanOptions,
): Promise<readonly ServicePlan[]> {
  const { owner, images, hosts, signal } = options;
  const awaited = new Set(
    manifest.services.flatMap(({ dependsOn }) =>
      dependsOn.filter(({ until }) => until === "completed").map(({ service }) => service),
    ),
  );
  const gate = gateFile(facts.architecture);
  const plans: ServicePlan[] = [];
  for (const service of startOrder(manifest.services).flat()) {
    const image = await imageOf(service);
    const host = service.expose === undefined ? undefined : hosts.get(service.name)?.host;
    const check = checkOf(service, {
      completed: awaited.has(service.name),
      routed: host !== undefined,
      imageChecks: image.healthCheck !== undefined,
      gateable: gate !== undefined,
    });
    const volumes = volumesOf(owner, service, image, manifest, number);
    const plan: Plan = {
      owner,
      service,
      image: image.id,
      network,
      env: { ...options.env, ...service.env },
      limits: limitsOf(service, options.limits, facts.cpus),
      volumes,
      files: [...filesOf(service, options.secrets ?? {}), ...(check.gated && gate ? [gate] : [])],
      check,
      gate: check.gated ? gateCheck(facts.apiVersion, ownCheck(service, image)) : undefined,
      host,
      routing: options.routing,
      published: options.publish === true,
    };
    plans.push({ plan, settings: settingsOf(plan), inPlace: writesAlone(service, volumes) });
  }
  return plans;

  async function imageOf(service: Service): Promise<ImageFacts> {
    const name = images.get(service.name);
    const image = name === undefined ? undefined : await inspectImage(docker, name, signal);
    if (!image) {
      throw new GalleyError("image_not_found", `service ${service.name} has no image on this engine`, {
        hint: "Somebody may have removed it since it was built or pulled: deploy again.",
      });
    }
    refuseRoutes(service, image);
    const note = await checkPlatform(service.name, image, facts, options.emulates ?? (async () => false));
    if (note !== undefined) options.onNote?.(note);
    return image;
  }
}

/** The health check that goes on behind the gate. `health.path` takes the place of an image's. */
function ownCheck({ health, healthCheck }: Service, image: ImageFacts): HealthCheckSpec | undefined {
  if (healthCheck !== undefined) return healthCheck === "none" ? undefined : healthCheck;
  return health === undefined ? image.healthCheck : undefined;
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
    { hint: "Take the LABEL out of its Dockerfile, or of its base image; the manifest says what is public." },
  );
}

/** The engine refuses a container more CPUs than it has itself. */
function limitsOf({ resources }: Service, defaults: ContainerLimits = {}, most: number): ContainerLimits {
  const { cpus = defaults.cpus, memory = defaults.memory } = resources ?? {};
  return {
    ...(cpus === undefined ? {} : { cpus: Math.min(cpus, most) }),
    ...(memory === undefined ? {} : { memory }),
  };
}
