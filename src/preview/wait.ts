import { get } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { type ContainerState, type Docker, inspectContainer, lastLogLines } from "../docker/index.js";
import { GalleyError } from "../errors/index.js";
import type { Service } from "../manifest/index.js";

/** Between two looks at a container: neither HTTP nor a plain start gives an event to wait for. */
const POLL_MS = 150;
/** A service without any health check counts as up when it has lived this long. */
const SETTLE_MS = 1_000;
const LOG_LINES = 20;

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
  signal: AbortSignal,
): Promise<void> {
  const began = Date.now();
  const deadline = began + (service.health?.timeoutSeconds ?? 60) * 1000;
  let last = "it has not answered";
  for (;;) {
    signal.throwIfAborted();
    const state = await inspectContainer(docker, id, signal);
    if (!state?.running) throw await ended(docker, id, service, state, signal);
    if (service.health) {
      const answer = await probe(state, service, signal);
      if (answer === undefined) return;
      last = answer;
    } else if (state.health) {
      if (state.health === "healthy") return;
      last = `its health check says ${state.health}`;
    } else if (Date.now() - began >= SETTLE_MS) {
      return;
    }
    if (Date.now() > deadline) {
      const log = await lastLogLines(docker, id, LOG_LINES, signal);
      throw new GalleyError(
        "container_unhealthy",
        withLog(
          `service ${service.name} did not become healthy in ${Math.round((deadline - began) / 1000)} s: ${last}`,
          log,
        ),
        { hint: `Check health.path, expose and health.timeout of ${service.name} in galley.yml.` },
      );
    }
    await delay(POLL_MS, undefined, { signal });
  }
}

/** Undefined when it answers as it should, else what it does instead. */
async function probe(
  state: ContainerState,
  service: Service,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { health, expose } = service;
  const port = expose && state.published[expose];
  if (!health || !port) return "its port is not published";
  const status = await httpStatus(port, health.path, signal);
  if (status === health.status) return undefined;
  return status === undefined
    ? `nothing answers on port ${expose}`
    : `${health.path} answers ${status} instead of ${health.status}`;
}

/** Status of a GET on this machine; undefined when there is no answer within five seconds. */
async function httpStatus(port: number, path: string, signal: AbortSignal): Promise<number | undefined> {
  return await new Promise((resolve) => {
    const request = get({ host: "127.0.0.1", port, path, agent: false, timeout: 5_000, signal });
    request.on("response", (response) => {
      response.resume();
      resolve(response.statusCode);
      request.destroy();
    });
    request.on("timeout", () => request.destroy());
    request.on("error", () => resolve(undefined));
    request.on("close", () => resolve(undefined));
  });
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
  const how = state.outOfMemory ? "ran out of memory" : `ended with exit code ${state.exitCode}`;
  return new GalleyError("container_failed", withLog(`service ${service.name} ${how}`, log), {
    hint: state.outOfMemory
      ? "Give it more memory."
      : `Its last output says why; the command is that of its image or of galley.yml.`,
  });
}

function withLog(sentence: string, log: readonly string[]): string {
  return log.length === 0 ? sentence : `${sentence}\n${log.map((line) => `  ${line}`).join("\n")}`;
}
