import { setTimeout as delay } from "node:timers/promises";
import { type ContainerState, type Docker, inspectContainer, lastLogLines } from "../docker/index.js";
import { GalleyError } from "../errors/index.js";
import type { Service } from "../manifest/index.js";
import type { Probe } from "./probe.js";

/** Between two looks at a container: neither HTTP nor a plain start gives an event to wait for. */
const POLL_MS = 150;
/** A service without any health check counts as up when it has lived this long. */
const SETTLE_MS = 1_000;
/** A service may end and be started again so often, for example because a database was not there yet, until it counts as failed. */
const MAX_RESTARTS = 3;
const LOG_LINES = 20;

export interface WaitOptions {
  /** The environment's, on which the service is asked by its address. */
  readonly network: string;
  readonly probe: Probe;
  /** It runs since an earlier deployment: that it lives is enough where nothing can be asked. Default: false. */
  readonly settled?: boolean;
}

/**
 * Waits until a service answers: `health.path` over HTTP where the manifest has one, else the image's own health check, else until
 * it has lived a second.
 *
 * @throws GalleyError container_failed when it ended, container_unhealthy at the deadline; both with its last lines
 */
export async function waitUntilUp(
  docker: Docker,
  id: string,
  service: Service,
  { network, probe, settled = false }: WaitOptions,
  signal: AbortSignal,
): Promise<void> {
  const seconds = service.health?.timeoutSeconds ?? 60;
  const deadline = Date.now() + seconds * 1000;
  let began = settled ? 0 : Date.now();
  /** A container that has lived for long may have been started again often, and be well. */
  let before: number | undefined = settled ? undefined : 0;
  let restarts = 0;
  let last = "it has not answered";
  for (;;) {
    signal.throwIfAborted();
    // What is told was true when it was asked for, and may be long over when a busy engine's answer is here.
    const asked = Date.now();
    const state = await inspectContainer(docker, id, signal);
    before ??= state?.restarts ?? 0;
    if (!state?.running || state.restarts - before > MAX_RESTARTS)
      throw await ended(docker, id, service, state, signal);
    // It counts as started again already while it waits for that.
    if (state.restarts - before > restarts || state.restarting) began = Date.now();
    restarts = state.restarts - before;
    if (state.restarting) {
      last = `it ended with exit code ${state.exitCode} and is started again`;
    } else if (service.health) {
      const answer = await ask(state, service, network, probe, signal);
      if (answer === undefined) return;
      last = answer;
    } else if (state.health) {
      if (state.health === "healthy") return;
      last = `its health check says ${state.health}`;
    } else if (asked - began >= SETTLE_MS) {
      return;
    }
    if (Date.now() > deadline) {
      const log = await lastLogLines(docker, id, LOG_LINES, signal);
      const what = `service ${service.name} did not become healthy in ${seconds} s: ${last}`;
      throw new GalleyError("container_unhealthy", withLog(what, log), {
        hint: `Check health.path, expose and health.timeout of ${service.name} in galley.yml.`,
      });
    }
    await delay(POLL_MS, undefined, { signal });
  }
}

/** Undefined when it answers as it should, else what it does instead. */
async function ask(
  { id: container, addresses, published }: ContainerState,
  { health, expose: port }: Service,
  network: string,
  probe: Probe,
  signal: AbortSignal,
): Promise<string | undefined> {
  const address = addresses[network];
  if (!health || !port || !address) return `it has no address on the network ${network}`;
  const { path, status } = health;
  const target = { container, address, port, published: published[port], path, status };
  const answered = await probe(target, signal);
  signal.throwIfAborted();
  if (answered === status) return undefined;
  return answered === undefined
    ? `nothing answers on port ${port}`
    : `${path} answers ${answered} instead of ${status}`;
}

async function ended(
  docker: Docker,
  id: string,
  service: Service,
  state: ContainerState | undefined,
  signal: AbortSignal,
): Promise<GalleyError> {
  if (!state)
    return new GalleyError(
      "container_failed",
      `the container of service ${service.name} was removed while it started`,
    );
  const log = await lastLogLines(docker, id, LOG_LINES, signal);
  const times = state.restarts > 0 ? `, and again after each of ${state.restarts} restarts` : "";
  const how = state.outOfMemory ? "ran out of memory" : `ended with exit code ${state.exitCode}`;
  return new GalleyError("container_failed", withLog(`service ${service.name} ${how}${times}`, log), {
    hint: state.outOfMemory
      ? "Give it more memory."
      : `Its last output says why; the command is that of its image or of galley.yml.`,
  });
}

function withLog(sentence: string, log: readonly string[]): string {
  return log.length === 0 ? sentence : `${sentence}\n${log.map((line) => `  ${line}`).join("\n")}`;
}
