import { setTimeout as delay } from "node:timers/promises";
import { type ContainerEvent, type Docker, inspectContainer, openContainerEvents } from "../docker/index.js";
import { labelKeys } from "./labels.js";

/** Something that happened to a service and that nobody has asked for. */
export interface ServiceEvent {
  /** Ids. */
  readonly environment: string;
  readonly project: string;
  /** The one that made the container. */
  readonly deployment: string;
  readonly service: string;
  readonly container: string;
  /** RFC 3339 with milliseconds, by the engine's clock. */
  readonly at: string;
  /** `ended`: its process has, by itself. `restarted`: the engine has started it again after that. */
  readonly type: "ended" | "out_of_memory" | "restarted" | "healthy" | "unhealthy";
  /** Of `ended` and `out_of_memory`. */
  readonly exitCode: number | null;
  /** How often it was started again so far. */
  readonly restarts: number;
}

const actions = ["die", "kill", "start", "oom", "health_status", "destroy"];
/** Milliseconds until the engine is asked again after it was lost, doubled each time. */
const FIRST_RETRY_MS = 200;
const LAST_RETRY_MS = 10_000;

/**
 * Tells of restarts, ends, OOM kills and changes of health of an agent's services until the signal; resolves then. What is stopped from
 * outside (a switch, hibernation, `docker stop`) has not ended by itself and is not told. An engine that goes away is waited for,
 * and what happened meanwhile is told as far as it remembers. `onEvent` must not throw.
 */
export async function watchServices(
  docker: Docker,
  agent: string,
  onEvent: (event: ServiceEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  const seen = new SeenContainers();
  /** Milliseconds since 1970, by the engine's clock. */
  let last = Date.now();
  /** Events of the same millisecond may be told again. */
  const atLast = new Set<string>();
  let retry = FIRST_RETRY_MS;
  while (!signal.aborted) {
    try {
      const label = `${labelKeys.agent}=${agent}`;
      const events = await openContainerEvents(docker, { actions, label, since: last, signal });
      retry = FIRST_RETRY_MS;
      for await (const event of events) {
        const key = `${event.id} ${event.action} ${event.detail} ${event.at}`;
        if (event.at < last || atLast.has(key)) continue;
        if (event.at > last) atLast.clear();
        last = event.at;
        atLast.add(key);
        if (event.attributes[labelKeys.role] !== "service") continue;
        const type = seen.take(event);
        if (type) await tell(event, type);
      }
    } catch {
      // It is away: asked again below.
    }
    // Half of it is chance, so that not everybody comes back at once.
    await delay(retry * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {});
    retry = Math.min(retry * 2, LAST_RETRY_MS);
  }

  async function tell({ id, attributes, at }: ContainerEvent, type: ServiceEvent["type"]): Promise<void> {
    const state = await inspectContainer(docker, id, signal);
    const exitCode = Number(attributes.exitCode ?? Number.NaN);
    // The engine says so of the container, too, where the kernel's own event has not come.
    const told = type === "ended" && state?.outOfMemory === true ? "out_of_memory" : type;
    onEvent({
      environment: attributes[labelKeys.environment] ?? "",
      project: attributes[labelKeys.project] ?? "",
      deployment: attributes[labelKeys.deployment] ?? "",
      service: attributes[labelKeys.service] ?? "",
      container: id,
      at: new Date(at).toISOString(),
      type: told,
      exitCode: Number.isInteger(exitCode) ? exitCode : null,
      restarts: state?.restarts ?? 0,
    });
  }
}

/** What the events of containers mean one after the other. */
export class SeenContainers {
  readonly #killed = new Set<string>();
  readonly #ended = new Set<string>();
  readonly #outOfMemory = new Set<string>();
  readonly #health = new Map<string, string>();

  take({
    id,
    action,
    detail,
  }: Pick<ContainerEvent, "id" | "action" | "detail">): ServiceEvent["type"] | undefined {
    switch (action) {
      case "kill":
        this.#killed.add(id);
        return undefined;
      case "oom":
        this.#outOfMemory.add(id);
        return undefined;
      case "die": {
        this.#health.delete(id);
        const outOfMemory = this.#outOfMemory.delete(id);
        if (this.#killed.delete(id)) return undefined;
        this.#ended.add(id);
        return outOfMemory ? "out_of_memory" : "ended";
      }
      case "start":
        this.#killed.delete(id);
        return this.#ended.delete(id) ? "restarted" : undefined;
      case "health_status": {
        const before = this.#health.get(id);
        this.#health.set(id, detail);
        if (detail === "unhealthy") return before === "unhealthy" ? undefined : "unhealthy";
        // The first time is part of its start.
        return before === "unhealthy" && detail === "healthy" ? "healthy" : undefined;
      }
      default:
        for (const set of [this.#killed, this.#ended, this.#outOfMemory]) set.delete(id);
        this.#health.delete(id);
        return undefined;
    }
  }
}
