import { setTimeout as delay } from "node:timers/promises";
import {
  type Docker,
  findVolumes,
  inspectContainer,
  putFiles,
  removeContainer,
  removeVolume,
  startCreated,
  stopContainer,
} from "../docker/index.js";
import { abortAfter, GalleyError } from "../errors/index.js";
import type { FoundService } from "./found.js";
import { gateSwitch } from "./gate.js";
import { environmentLabels, labelKeys, type Owner } from "./labels.js";
import { forgetLeaving } from "./leaving.js";
import type { Probe } from "./probe.js";
import { sideBySide } from "./side-by-side.js";
import { STOP_SECONDS } from "./stop.js";
import type { Made } from "./up.js";
import { waitUntilUp } from "./wait.js";

/**
 * Milliseconds that old containers go on after the routes have switched. Traefik looks at most every two seconds, so that for three
 * requests may still come; the rest is for those that they have begun to answer.
 */
const SWITCH_MS = 8_000;
/** Milliseconds for the proxy to take up the first containers of a preview, where it can be asked: nobody loses anything by them. */
const FIRST_MS = 2_000;
const OPEN_POLL_MS = 100;
/** Milliseconds in which the engine has to have noticed an open gate. */
const OPEN_LIMIT_MS = 60_000;
/** Milliseconds for what is done in spite of a signal. */
const UNDO_MS = 180_000;

/**
 * Lets the proxy know of public services with a gate: each container's health check succeeds from now on. Resolves when the engine has seen it, or
 * when the proxy, where it can be asked, sends requests to all of them: it takes the word of who opens a gate, and the engine looks only once a second.
 */
export async function openGates(
  docker: Docker,
  gated: readonly { readonly service: string; readonly id: string }[],
  moved: Moved | undefined,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const noticed = await Promise.all(gated.map(({ service, id }) => openGate(docker, service, id, either)));
  const all = Promise.all(noticed.map((one) => one()));
  const routed = moved?.({ to: gated.map(({ id }) => id), from: [] }, either);
  try {
    // A proxy that cannot say it is left to the engine.
    await (routed ? Promise.race([all, routed.catch(() => all)]) : all);
  } finally {
    over.abort();
    await Promise.allSettled([all, routed]);
  }
}

/**
 * Opens the gate of a container. Who calls what it resolves with waits until the engine has noticed; that rejects with `container_unhealthy` when
 * it does not in time.
 */
async function openGate(
  docker: Docker,
  service: string,
  id: string,
  signal: AbortSignal,
): Promise<() => Promise<void>> {
  const health = async () => (await inspectContainer(docker, id, signal))?.health;
  if ((await health()) === "healthy") return async () => {};
  await putFiles(docker, id, [gateSwitch(true)], signal);
  const deadline = Date.now() + OPEN_LIMIT_MS;
  return async () => {
    while ((await health()) !== "healthy") {
      if (Date.now() > deadline) {
        const what = `the engine did not notice in ${OPEN_LIMIT_MS / 1000} s that service ${service} is up`;
        throw new GalleyError("container_unhealthy", what, {
          hint: "It may be busy, or unable to start a process in the container, or the service's own health check fails again: docker inspect shows its log.",
        });
      }
      await delay(OPEN_POLL_MS, undefined, { signal });
    }
  };
}

/**
 * Resolves when the proxy sends what is asked of the new containers (ids) to them and to nobody else, and nothing that it has sent to the old
 * ones is still to be answered. Rejects at the signal, or when that cannot be known.
 */
export type Moved = (
  change: { readonly to: readonly string[]; readonly from: readonly string[] },
  signal: AbortSignal,
) => Promise<void>;

export interface ReplacedOptions {
  readonly owner: Pick<Owner, "agent" | "environment">;
  readonly number: number;
  readonly replaced: readonly FoundService[];
  /** Ids of the new containers that requests shall be sent to. */
  readonly routed: readonly string[];
  readonly switchMs: number | undefined;
  readonly moved: Moved | undefined;
  readonly onNote: ((text: string) => void) | undefined;
  readonly signal: AbortSignal;
}

/** Removes what the new containers stand in for: first what requests were sent to, when they have moved, then what that needed. */
export async function removeReplaced(docker: Docker, options: ReplacedOptions): Promise<void> {
  const { owner, number, replaced, routed, switchMs = SWITCH_MS, moved, onNote, signal } = options;
  const limit = abortAfter(UNDO_MS);
  const served = replaced.filter(({ check, running }) => check.routed && running);
  const change = { to: routed, from: served.map(({ id }) => id) };
  if (served.length > 0) await untilMoved(change, { moved, limitMs: switchMs, signal });
  else if (moved && routed.length > 0)
    await untilMoved(change, { moved, limitMs: Math.min(switchMs, FIRST_MS), signal });
  try {
    const remove = ({ id }: FoundService, either: AbortSignal) =>
      removeContainer(docker, id, either, STOP_SECONDS.service);
    await sideBySide(served, limit, remove);
    await sideBySide(
      replaced.filter((one) => !served.includes(one)),
      limit,
      remove,
    );
    await removeFreshVolumes(docker, owner, (of) => of < number, limit);
    await forgetLeaving(docker, owner, limit);
  } catch (error) {
    // The new ones serve; what is left goes with the next deployment, or with the environment.
    onNote?.(`not everything of the deployment before could be removed: ${(error as Error).message}`);
  }
}

/** Waits until requests have moved, the whole limit (milliseconds) where nobody says so. */
export async function untilMoved(
  change: Parameters<Moved>[0],
  {
    moved,
    limitMs,
    signal,
  }: { readonly moved: Moved | undefined; readonly limitMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const asking = moved?.(change, either).then(
    () => over.abort(),
    () => {},
  );
  await delay(limitMs, undefined, { signal: either }).catch(() => {});
  over.abort();
  await asking;
}

/** Takes back what a deployment did that has failed: the containers that were there before serve on. */
export async function undo(
  docker: Docker,
  {
    owner,
    network,
    number,
    found,
    made,
    probe,
    onNote,
  }: {
    readonly owner: Pick<Owner, "agent" | "environment">;
    readonly network: string;
    readonly number: number;
    readonly found: readonly FoundService[];
    readonly made: Made;
    readonly probe: Probe;
    readonly onNote: ((text: string) => void) | undefined;
  },
): Promise<void> {
  const signal = abortAfter(UNDO_MS);
  try {
    const stopped = found.filter(({ id }) => made.stopped.has(id));
    const inPlace = new Set(stopped.map(({ service }) => service));
    await sideBySide([...made.containers], signal, async ([service, id], either) => {
      // What writes to a volume that another one takes over is not cut off.
      if (inPlace.has(service)) await stopContainer(docker, id, either, STOP_SECONDS.database);
      await removeContainer(docker, id, either);
    });
    await sideBySide(stopped, signal, async ({ id, name, service, check }, either) => {
      await startCreated(docker, id, { name, image: "", publish: {} }, either);
      await waitUntilUp(docker, { id, service, check }, { network, probe }, either);
    });
    await removeFreshVolumes(docker, owner, (of) => of === number, signal);
  } catch (error) {
    onNote?.(`what was there before could not be brought back completely: ${(error as Error).message}`);
  }
}

async function removeFreshVolumes(
  docker: Docker,
  owner: Pick<Owner, "agent" | "environment">,
  which: (number: number) => boolean,
  signal: AbortSignal,
): Promise<void> {
  for (const { name, labels } of await findVolumes(docker, environmentLabels(owner), signal)) {
    const number = Number(labels[labelKeys.number] ?? Number.NaN);
    if (which(number)) await removeVolume(docker, name, signal);
  }
}
