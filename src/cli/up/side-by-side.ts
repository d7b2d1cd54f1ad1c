import { EventReplay, type ProgressRenderer, readBuildEvent } from "../../buildkit/index.js";
import type { Deployment } from "../api/answers.js";
import type { Api } from "../api/client.js";
import { followDeployment } from "../api/follow-deployment.js";
import { InOrder } from "../follow/in-order.js";

type Event = { readonly [field: string]: unknown };

/**
 * Follows deployments to their ends, all with one renderer: their builds are `pr-1/web`, `pr-2/api` and so on. Returns how each
 * ended, in the order given.
 */
export function followSideBySide(
  api: Api,
  deployments: readonly Deployment[],
  renderer: ProgressRenderer,
  signal: AbortSignal,
): Promise<Deployment[]> {
  return Promise.all(deployments.map((deployment) => followOne(api, deployment, renderer, signal)));
}

async function followOne(
  api: Api,
  deployment: Deployment,
  renderer: ProgressRenderer,
  signal: AbortSignal,
): Promise<Deployment> {
  const shown = new Shown(renderer, deployment.environment.name);
  const order = new InOrder<{ attempt: number; seq: number; event: Event }>();
  for await (const told of followDeployment({ api, deployment: deployment.id, signal })) {
    if (told.kind === "event") {
      const { attempt, seq } = told.event;
      if (typeof attempt !== "number" || typeof seq !== "number") continue;
      for (const { event } of order.push({ attempt, seq, event: told.event })) shown.show(event);
    } else if (told.kind === "end") {
      for (const { event } of order.giveUp()) shown.show(event);
      return told.deployment;
    }
  }
  throw signal.reason;
}

/** What one deployment has put on the screen. */
class Shown {
  readonly #renderer: ProgressRenderer;
  readonly #environment: string;
  readonly #builds = new Map<string, EventReplay>();

  constructor(renderer: ProgressRenderer, environment: string) {
    this.#renderer = renderer;
    this.#environment = environment;
  }

  show(event: Event): void {
    const service = typeof event.service === "string" ? event.service : undefined;
    const build = readBuildEvent(event);
    if (build) {
      this.#replay(service).show(build);
      return;
    }
    if (event.type === "deployment.plan" && Array.isArray(event.services)) {
      for (const planned of event.services)
        if (typeof planned?.name === "string") this.#replay(planned.name).show({ type: "build.started" });
    } else if (event.type === "deployment.note" && typeof event.text === "string") {
      this.#renderer.note(this.#name(undefined), event.text);
    } else if (event.type === "service.state" && service !== undefined && typeof event.state === "string") {
      if (event.state !== "pulling" && event.state !== "waiting") this.#end(service, "reused");
      const detail = typeof event.detail === "string" ? `: ${event.detail}` : "";
      this.#renderer.note(this.#name(service), `${event.state}${detail}`);
    } else if (event.type === "deployment.finished") {
      for (const name of this.#builds.keys())
        this.#end(name, event.outcome === "running" ? "reused" : "cancelled");
    }
  }

  #name(service: string | undefined): string {
    return service === undefined ? this.#environment : `${this.#environment}/${service}`;
  }

  #replay(service: string | undefined): EventReplay {
    const key = service ?? "";
    let replay = this.#builds.get(key);
    if (replay === undefined) {
      replay = new EventReplay(this.#renderer, this.#name(service));
      this.#builds.set(key, replay);
    }
    return replay;
  }

  /** For services of which there was nothing to build. */
  #end(service: string, outcome: "reused" | "cancelled"): void {
    const replay = this.#replay(service);
    if (replay.over) return;
    replay.show({
      type: "build.finished",
      outcome,
      image: null,
      duration: 0,
      steps: { total: 0, completed: 0, cached: 0, failed: 0 },
      sent: null,
      error: null,
    });
  }
}
