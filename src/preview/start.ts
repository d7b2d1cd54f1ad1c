import { type Docker, engineFacts } from "../docker/index.js";
import type { Manifest } from "../manifest/index.js";
import { containerName } from "./container.js";
import { decide } from "./decide.js";
import { type PlanOptions, planEnvironment } from "./environment-plan.js";
import { findServices } from "./found.js";
import { type HookEvent, openHooks } from "./hooks.js";
import { forgetLeaving, noteLeaving } from "./leaving.js";
import { ensureEnvironmentNetwork, type NetworkOptions } from "./network.js";
import { directProbe, type Probe } from "./probe.js";
import { connectProxy } from "./proxy.js";
import { markServed } from "./served.js";
import { removeLeftHooks } from "./stop.js";
import { type Moved, openGates, removeReplaced, undo } from "./switch-over.js";
import { bringUp } from "./up.js";

export interface StartOptions extends NetworkOptions, PlanOptions {
  /** Id of the deployment. */
  readonly deployment: string;
  /** How health is asked. Default: from this process, by address. */
  readonly probe?: Probe | undefined;
  /** Milliseconds that old containers go on after the routes have switched. Default: 8,000. */
  readonly switchMs?: number | undefined;
  /** Asks the proxy whether requests have moved, so that nobody waits longer than needed. Default: it cannot be asked. */
  readonly moved?: Moved | undefined;
  readonly onState?: (service: string, state: "starting" | "healthy" | "unchanged" | "removed") => void;
  readonly onHook?: ((event: HookEvent) => void) | undefined;
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
 * Brings an environment to a manifest. New containers start beside the old ones, in the order of their dependencies; when all of them are
 * up the routes switch, and the old ones go after a drain. A service that runs already from the same image with the same settings is
 * left alone, unless one that it depends on is replaced. A service that alone writes to a volume that is kept (a database) is replaced in
 * place: two of it would ruin the volume.
 *
 * When anything fails, or at the signal, the new containers are removed, those that were stopped for them start again, and what served
 * before serves on. Once the routes have switched the signal changes nothing but that nobody waits for the drain.
 *
 * @throws GalleyError container_failed, container_unhealthy (both with the last lines of the log), image_not_found, manifest_invalid,
 *   preview_subnets_used_up, port_in_use, conflict
 */
export async function startEnvironment(
  docker: Docker,
  manifest: Manifest,
  options: StartOptions,
): Promise<RunningEnvironment> {
  const { owner, hosts, onState, signal, probe = directProbe } = options;
  const facts = await engineFacts(docker, signal);
  const network = await ensureEnvironmentNetwork(docker, owner, manifest.services.length, options, signal);
  const proxied =
    options.publicNetwork !== undefined &&
    (await connectProxy(docker, network, options.publicNetwork, signal));
  await removeLeftHooks(docker, owner, signal);
  await forgetLeaving(docker, owner, signal);
  const found = await findServices(docker, owner, signal);
  const number = Math.max(0, ...found.map((container) => container.number)) + 1;
  const plans = await planEnvironment(docker, manifest, { network, number, facts }, options);
  const decisions = decide(
    plans.map(({ plan: { service, check }, settings, inPlace }) => ({
      service,
      settings,
      inPlace,
      mayEnd: check.mayEnd,
    })),
    found,
    (service) => containerName(network, service, number),
  );
  const hooks = await openHooks({ ...options, docker, manifest });
  const made = { containers: new Map<string, string>(), stopped: new Set<string>() };
  const replaced = found.filter((one) => ![...decisions.values()].some(({ stays }) => stays === one));
  let containers: ReadonlyMap<string, string>;
  try {
    containers = await bringUp(docker, plans, decisions, { ...options, network, number, probe, hooks, made });
    const standing = plans.flatMap(({ plan: { service, check } }) => {
      const id = containers.get(service.name);
      const of = decisions.get(service.name)?.stays?.number ?? number;
      return id === undefined ? [] : [{ service: service.name, id, number: of, gated: check.gated }];
    });
    const gated = standing.filter((one) => one.gated);
    await openGates(docker, gated, options.moved, signal);
    await markServed(docker, standing, signal);
    // Containers of its own would tell by themselves that it serves.
    if (made.containers.size === 0 && replaced.length > 0)
      await noteLeaving(
        docker,
        owner,
        replaced.map(({ id }) => id),
        signal,
      );
  } catch (error) {
    await undo(docker, { owner, network, number, found, made, probe, onNote: options.onNote });
    throw error;
  }
  await removeReplaced(docker, {
    owner,
    number,
    replaced,
    routed: plans.flatMap(({ plan: { service, check } }) => {
      const id = made.containers.get(service.name);
      return check.routed && id !== undefined ? [id] : [];
    }),
    switchMs: options.switchMs,
    moved: options.moved,
    signal,
    onNote: options.onNote,
  });
  const wanted = new Set(manifest.services.map(({ name }) => name));
  for (const service of new Set(replaced.map((one) => one.service)))
    if (!wanted.has(service)) onState?.(service, "removed");
  const services = new Map(
    manifest.services.map(({ name }) => [
      name,
      { container: containers.get(name) ?? "", url: hosts.get(name)?.url },
    ]),
  );
  return { url: [...hosts.values()][0]?.url, services, proxied };
}
