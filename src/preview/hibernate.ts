import {
  type Docker,
  findNetworks,
  inspectContainer,
  putFiles,
  startCreated,
  stopContainer,
} from "../docker/index.js";
import { GalleyError } from "../errors/index.js";
import { type FoundService, findServices } from "./found.js";
import { gateSwitch } from "./gate.js";
import { environmentLabels, networkName, type Owner } from "./labels.js";
import { directProbe, type Probe } from "./probe.js";
import { connectProxy, disconnectOthers } from "./proxy.js";
import { sideBySide } from "./side-by-side.js";
import { STOP_SECONDS } from "./stop.js";
import { type Moved, openGates } from "./switch-over.js";
import { waitUntilUp } from "./wait.js";

type Whose = Pick<Owner, "agent" | "environment">;

/**
 * Stops the containers of an environment, each before those that it depends on, and disconnects the proxy. Containers, volumes and network
 * stay. Idempotent. A container that does not end by itself is killed: services after 10 seconds, those that others depend on and databases after 60.
 *
 * @returns how many containers ran
 */
export async function hibernateEnvironment(
  docker: Docker,
  owner: Whose,
  signal: AbortSignal,
): Promise<number> {
  const found = await findServices(docker, owner, signal);
  const running = found.filter((one) => one.running);
  for (const wave of wavesOf(running).reverse()) {
    await sideBySide(wave, signal, async (one, either) => {
      await stopContainer(docker, one.id, either, secondsToEnd(one, running));
      // It shall not get requests before it is up again.
      if (one.check.gated) await putFiles(docker, one.id, [gateSwitch(false)], either);
    });
  }
  for (const { id } of await findNetworks(docker, environmentLabels(owner), signal))
    await disconnectOthers(docker, id, owner, signal);
  return running.length;
}

/** What others depend on, and what alone writes to a volume that is kept, may have much to write down. */
export function secondsToEnd(one: FoundService, running: readonly FoundService[]): number {
  const needed = running.some(({ check }) => check.needs.some(({ service }) => service === one.service));
  return needed || one.alone ? STOP_SECONDS.database : STOP_SECONDS.service;
}

export interface WakeOptions {
  /** As for `startEnvironment`. */
  readonly publicNetwork?: string | undefined;
  readonly probe?: Probe | undefined;
  readonly moved?: Moved | undefined;
  readonly onState?: ((service: string, state: "starting" | "healthy") => void) | undefined;
}

/**
 * Starts a hibernated environment's containers again, each after those that it depends on, and resolves when all are up and may be asked.
 * What others wait for to its end (a migration) is not run again. Idempotent: what runs already is only waited for.
 *
 * @returns how many containers run
 * @throws not_found when nothing of it is on the engine; else as `startEnvironment`
 */
export async function wakeEnvironment(
  docker: Docker,
  owner: Whose,
  { publicNetwork, probe = directProbe, moved, onState }: WakeOptions,
  signal: AbortSignal,
): Promise<number> {
  const network = networkName(owner.environment);
  const newest = new Map<string, FoundService>();
  for (const one of await findServices(docker, owner, signal))
    if (!newest.has(one.service) && !(one.check.once && one.completed)) newest.set(one.service, one);
  if (newest.size === 0) {
    throw new GalleyError("not_found", `environment ${owner.environment} has no containers on this engine`, {
      hint: "Deploy it again.",
    });
  }
  // Before anything starts: the proxy looks at networks only when containers do.
  if (publicNetwork !== undefined) await connectProxy(docker, network, publicNetwork, signal);
  const services = [...newest.values()];
  for (const wave of wavesOf(services)) {
    await sideBySide(wave, signal, async ({ id, name, service, check, running }, either) => {
      onState?.(service, "starting");
      if (!running) await startCreated(docker, id, { name, image: "", publish: {} }, either);
      const before = (await inspectContainer(docker, id, either))?.restarts ?? 0;
      await waitUntilUp(docker, { id, service, check }, { network, probe, restarts: before }, either);
      onState?.(service, "healthy");
    });
  }
  await openGates(
    docker,
    services.filter(({ check }) => check.gated),
    moved,
    signal,
  );
  return services.length;
}

/** Each wave needs only services of earlier ones; what is not here is not waited for, and of a circle all come at once. */
function wavesOf(services: readonly FoundService[]): FoundService[][] {
  const waves: FoundService[][] = [];
  let waiting = [...services];
  while (waiting.length > 0) {
    const open = new Set(waiting.map(({ service }) => service));
    const wave = waiting.filter(({ check }) => !check.needs.some(({ service }) => open.has(service)));
    const next = wave.length > 0 ? wave : waiting;
    waves.push(next);
    waiting = waiting.filter((one) => !next.includes(one));
  }
  return waves;
}
