import { setTimeout as delay } from "node:timers/promises";
import { type ContainerState, type Docker, inspectContainer, lastLogLines } from "../docker/index.js";
import { GalleyError } from "../errors/index.js";
import type { Check } from "./check.js";
import { endedError, endOf, failure, listensElsewhere } from "./failure.js";
import { behindGate } from "./gate.js";
import type { Probe } from "./probe.js";
import { runCheck } from "./run-check.js";
import { listeningSockets } from "./sockets.js";

/** Between two looks at a container: neither HTTP nor a plain start gives an event to wait for. */
const POLL_MS = 150;
/** Between two runs of a service's own health check. */
const OWN_PAUSE_MS = 1_000;
/** A service without any health check counts as up when it has lived this long. */
const SETTLE_MS = 1_000;
/** A service may end and be started again so often, for example because a database was not there yet, until it counts as failed. */
const MAX_RESTARTS = 3;
/** Of a container that failed. */
export const LOG_LINES = 20;

export interface WaitOptions {
  /** The environment's, on which the service is asked by its address. */
  readonly network: string;
  readonly probe: Probe;
  /** It runs since an earlier deployment: that it lives is enough where nothing can be asked. Default: false. */
  readonly settled?: boolean;
  /** How often it had been started again before. Default: never, and not counted where it is settled. */
  readonly restarts?: number;
}

/**
 * Waits until a service is up: `health.path` answers over HTTP where the manifest has one; its own health check succeeds, which the engine
 * runs, or this process where the engine waits for the gate; a public service without either answers on its port; another one has lived for a second. What another
 * one waits for has ended with exit code 0; what may end may have.
 *
 * @throws GalleyError container_failed when it ended, container_unhealthy at the deadline; both with its last lines
 */
export async function waitUntilUp(
  docker: Docker,
  { id, service, check }: { readonly id: string; readonly service: string; readonly check: Check },
  { network, probe, settled = false, restarts: counted = 0 }: WaitOptions,
  signal: AbortSignal,
): Promise<void> {
  const deadline = Date.now() + check.seconds * 1000;
  let began = settled ? 0 : Date.now();
  /** A container that has lived for long may have been started again often, and be well. */
  let before: number | undefined = settled ? undefined : counted;
  let restarts = 0;
  let outOfMemory = false;
  let last: Doubt = { text: "it has not answered" };
  let askAgain = 0;
  for (;;) {
    signal.throwIfAborted();
    // What is told was true when it was asked for, and may be long over when a busy engine's answer is here.
    const asked = Date.now();
    const state = await inspectContainer(docker, id, signal);
    if (!state) {
      const what = `the container of service ${service} was removed while it started`;
      throw new GalleyError("container_failed", what);
    }
    before ??= state.restarts;
    outOfMemory ||= state.outOfMemory;
    const ended = !state.running && !state.restarting && !state.created;
    if (check.mayEnd && ended && state.exitCode === 0) return;
    if (!state.running || state.restarts - before > MAX_RESTARTS) {
      const log = await lastLogLines(docker, id, LOG_LINES, signal);
      throw endedError(`service ${service}`, endOf(state, state.restarts, outOfMemory), log);
    }
    // It counts as started again already while it waits for that.
    if (state.restarts - before > restarts || state.restarting) began = Date.now();
    restarts = state.restarts - before;
    if (state.restarting) {
      last = { text: `it ended with exit code ${state.exitCode} and is started again` };
    } else {
      const doubt = await doubtOf(state, asked - began);
      if (!doubt) return;
      last = doubt;
    }
    if (Date.now() > deadline) throw await unhealthy();
    await delay(POLL_MS, undefined, { signal });
  }

  /** What keeps it from counting as up. */
  async function doubtOf(state: ContainerState, lived: number): Promise<Doubt | undefined> {
    if (check.once) return { text: "it has not ended yet" };
    if (check.engine && state.health !== undefined && state.health !== "healthy")
      return { text: `its health check says ${state.health}` };
    // A container may run for a moment before the engine has looked at it for the first time.
    if (check.engine && state.health === undefined) return { text: "its health check says nothing" };
    const own = check.gated ? behindGate(state.healthTest) : [];
    const doubt = own.length > 0 ? await askOwn(own) : undefined;
    if (doubt) return doubt;
    if (check.http) return await ask(state, check.http);
    if (check.engine || own.length > 0) return undefined;
    if (check.routed && check.port !== undefined) return await ask(state, undefined);
    return lived >= SETTLE_MS ? undefined : { text: "it has only just started" };
  }

  /** Runs its health check, which the engine does not do before the gate is open. */
  async function askOwn(own: readonly string[]): Promise<Doubt | undefined> {
    if (Date.now() < askAgain) return last;
    const ended = await runCheck(docker, id, own, signal);
    askAgain = Date.now() + OWN_PAUSE_MS;
    return ended === undefined ? undefined : { text: ended };
  }

  async function ask(
    { addresses, published }: ContainerState,
    http: Check["http"],
  ): Promise<Doubt | undefined> {
    const [address, port] = [addresses[network], check.port];
    if (!port || !address) return { text: `it has no address on the network ${network}` };
    const { path = "/", status } = http ?? {};
    const target = { container: id, address, port, published: published[port], path, status };
    const answered = await probe(target, signal);
    signal.throwIfAborted();
    if (answered === undefined) return { text: `nothing answers on port ${port}`, port };
    if (status === undefined || answered === status) return undefined;
    return { text: `${path} answers ${answered} instead of ${status}` };
  }

  async function unhealthy(): Promise<GalleyError> {
    const log = await lastLogLines(docker, id, LOG_LINES, signal);
    if (check.once) {
      const what = `service ${service} did not end in ${check.seconds} s, and others wait for that`;
      return failure("container_unhealthy", what, log, "Its command has to end with exit code 0.");
    }
    const elsewhere =
      last.port === undefined
        ? undefined
        : listensElsewhere(await listeningSockets(docker, id, signal), last.port);
    const why = elsewhere === undefined ? last.text : `${last.text}: ${elsewhere}`;
    return failure(
      "container_unhealthy",
      `service ${service} did not become healthy in ${check.seconds} s: ${why}`,
      log,
      `Check health.path, expose and health.timeout of ${service} in the manifest.`,
    );
  }
}

interface Doubt {
  readonly text: string;
  /** Nothing answers there. */
  readonly port?: number;
}
