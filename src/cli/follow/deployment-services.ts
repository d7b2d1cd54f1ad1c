import { type BuildEvent, EventReplay, type ProgressRenderer, readBuildEvent } from "../../buildkit/index.js";

type Event = { readonly [field: string]: unknown };

export interface DeploymentServicesOptions {
  /** Made when there is something to show. */
  readonly renderer: () => ProgressRenderer;
  /** What the renderer calls a service; without a service, what belongs to none. Default: its own name. */
  readonly nameOf?: (service: string | undefined) => string | undefined;
  /** All services stand in one picture, where one of which nothing was built would go on waiting. */
  readonly picture: boolean;
}

interface Service {
  readonly replay: EventReplay;
  /** Of the plan. */
  readonly image: string | undefined;
}

/** States of a service's container from which on nothing is built or pulled for it any more. */
const begun: ReadonlySet<string> = new Set(["starting", "healthy", "unchanged"]);

const textOf = (value: unknown) => (typeof value === "string" ? value : "");

/** The services of a deployment on a renderer, from its events: what is built for each, and what becomes of its container. */
export class DeploymentServices {
  readonly #options: DeploymentServicesOptions;
  readonly #services = new Map<string | undefined, Service>();

  constructor(options: DeploymentServicesOptions) {
    this.#options = options;
  }

  /** Shows what the event says of services; for an event of a build, returns it. */
  show(event: Event): BuildEvent | undefined {
    const service = typeof event.service === "string" ? event.service : undefined;
    const build = readBuildEvent(event);
    if (build) this.#service(service).replay.show(build);
    else this.#showOther(event, service);
    return build;
  }

  /** A word beside each whose build goes on. */
  announce(text: string): void {
    for (const [service, { replay }] of this.#services)
      if (!replay.over) this.#options.renderer().note(this.#nameOf(service), text);
  }

  /** Another attempt begins with all of them anew. */
  forget(): void {
    this.#services.clear();
  }

  #showOther(event: Event, service: string | undefined): void {
    const { renderer } = this.#options;
    switch (event.type) {
      case "deployment.plan":
        for (const planned of Array.isArray(event.services) ? event.services : []) {
          if (typeof planned?.name !== "string") continue;
          this.#service(planned.name, textOf(planned.image) || undefined);
          renderer().start(this.#nameOf(planned.name));
        }
        break;
      case "service.state": {
        if (service === undefined) break;
        const state = textOf(event.state);
        const { replay } = this.#service(service);
        if (begun.has(state) && !replay.over) this.#end(service, "reused");
        const detail = textOf(event.detail);
        renderer().note(this.#nameOf(service), detail ? `${state}: ${detail}` : state);
        break;
      }
      case "hook.state": {
        if (service === undefined) break;
        const code = typeof event.exitCode === "number" ? ` with exit code ${event.exitCode}` : "";
        const ended = event.state === "failed" ? ` failed${code}` : event.state === "done" ? " is done" : "";
        renderer().note(this.#nameOf(service), `${textOf(event.hook)}: ${textOf(event.command)}${ended}`);
        break;
      }
      case "hook.log":
        for (const line of Array.isArray(event.lines) ? event.lines : [])
          if (service !== undefined) renderer().note(this.#nameOf(service), textOf(line?.text));
        break;
      case "deployment.finished":
        for (const [name, { replay }] of this.#services)
          if (!replay.over) this.#end(name, event.outcome === "running" ? "reused" : "cancelled");
        break;
    }
  }

  // Of a service that nothing was built for.
  #end(service: string | undefined, outcome: "reused" | "cancelled"): void {
    if (outcome === "reused" && !this.#options.picture) return;
    const { replay, image } = this.#service(service);
    const end = readBuildEvent({ type: "build.finished", outcome, image });
    if (end) replay.show(end);
  }

  #service(name: string | undefined, image?: string): Service {
    let service = this.#services.get(name);
    if (service === undefined) {
      service = { replay: new EventReplay(this.#options.renderer(), this.#nameOf(name)), image };
      this.#services.set(name, service);
    }
    return service;
  }

  #nameOf(service: string | undefined): string | undefined {
    const { nameOf } = this.#options;
    return nameOf ? nameOf(service) : service;
  }
}
