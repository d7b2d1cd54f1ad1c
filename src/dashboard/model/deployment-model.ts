import { BuildModel } from "./build-model.js";
import { type Failure, readFailure } from "./failure.js";
import { type LineList, LogStore } from "./log-store.js";
import { count, type Fields, fields, text, textOrNull, time } from "./read.js";
import { ServiceModel } from "./service-model.js";

/** Which lines the log shows: all, those of a service, or those of one of its steps. */
export interface LogPlace {
  readonly service?: string;
  readonly step?: string;
}

export interface Source {
  readonly commit: string;
  readonly ref: string;
  readonly subject: string;
  readonly author: string;
  /** The code is treated as a fork's; null where the agent has not said it. */
  readonly fork: boolean | null;
}

const buildEvents = new Set([
  "build.started",
  "source_map",
  "step.updated",
  "step.log",
  "transfer",
  "warning",
  "build.note",
  "build.finished",
]);
/** Services of one deployment; a manifest has far fewer. */
const mostServices = 500;
const mostNotes = 500;

/**
 * A deployment, folded from its events in the order in which the server stored them. A newer attempt begins anew: what an older one
 * still says is left out. Nothing here reads a clock or the network.
 */
export class DeploymentModel {
  attempt = 0;
  /** Counts up with each event that was taken: what depends on the model looks whether it changed. */
  version = 0;
  logs = new LogStore();
  source: Source | null = null;
  /** When each state began, milliseconds since 1970. */
  states = new Map<string, number>();
  notes: string[] = [];
  failure: Failure | null = null;
  finishedAt: number | undefined;
  #services = new Map<string, ServiceModel>();
  #firstAt: number | undefined;
  #lastAt: number | undefined;
  #seen = 0;
  #lastSeq = 0;
  #origins = new Map<number, { readonly service: string; readonly step: string }>();

  /** In the order of the plan: log lines come by a stream of their own and may be ahead of it. */
  get services(): ServiceModel[] {
    return [...this.#services.values()].sort((a, b) => a.place - b.place);
  }

  service(name: string): ServiceModel | undefined {
    return this.#services.get(name);
  }

  /** When the attempt began, milliseconds since 1970. */
  get startedAt(): number | undefined {
    return this.#firstAt;
  }

  /** Time of the latest event. */
  get lastAt(): number | undefined {
    return this.#lastAt;
  }

  /** Events of the attempt that have not come although later ones have: the bus may still bring them. */
  get missing(): number {
    return Math.max(0, this.#lastSeq - this.#seen);
  }

  lines({ service, step }: LogPlace): LineList {
    if (service === undefined) return this.logs.all();
    const found = this.#services.get(service);
    return this.logs.lines(step === undefined ? found?.log : found?.step(step)?.log);
  }

  /** Where a line comes from, by the number of its step's list. */
  origin(list: number): { readonly service: string; readonly step: string } | undefined {
    const known = this.#origins.get(list);
    if (known) return known;
    for (const service of this.#services.values())
      for (const step of [...(service.build?.steps ?? []), ...service.hooks])
        this.#origins.set(step.log, { service: service.name, step: step.name.label });
    return this.#origins.get(list);
  }

  apply(event: Fields): void {
    const attempt = count(event.attempt);
    if (attempt < this.attempt) return;
    if (attempt > this.attempt) this.#begin(attempt);
    this.version += 1;
    this.#seen += 1;
    this.#lastSeq = Math.max(this.#lastSeq, count(event.seq));
    const at = time(event.at);
    if (at !== undefined) {
      this.#firstAt = Math.min(this.#firstAt ?? at, at);
      this.#lastAt = Math.max(this.#lastAt ?? at, at);
    }
    const type = text(event.type);
    const service = textOrNull(event.service);
    if (buildEvents.has(type)) {
      if (service !== null) this.#build(service)?.apply(type, event);
    } else this.#tell(type, event, service, at);
  }

  #tell(type: string, event: Fields, service: string | null, at: number | undefined): void {
    switch (type) {
      case "deployment.state":
        if (at !== undefined && !this.states.has(text(event.state))) this.states.set(text(event.state), at);
        break;
      case "deployment.source":
        this.source = {
          commit: text(event.commit),
          ref: text(event.ref),
          subject: text(event.subject),
          author: text(event.author),
          fork: typeof event.fork === "boolean" ? event.fork : null,
        };
        break;
      case "deployment.plan":
        for (const [place, planned] of fields(event.services).entries())
          this.#own(text(planned.name))?.plan(planned, place);
        break;
      case "deployment.note":
        if (this.notes.length < mostNotes) this.notes.push(text(event.text));
        break;
      case "service.state":
        if (service !== null && at !== undefined)
          this.#own(service)?.tell(text(event.state), textOrNull(event.detail), at);
        break;
      case "hook.state":
        if (service !== null) this.#own(service)?.hook(event);
        break;
      case "hook.log":
        if (service !== null) this.#own(service)?.hookLog(event);
        break;
      case "deployment.finished":
        this.finishedAt = at;
        this.failure = readFailure(event.error);
        break;
    }
  }

  #build(name: string): BuildModel | undefined {
    const service = this.#own(name);
    if (service === undefined) return undefined;
    service.build ??= new BuildModel(this.logs, [service.log]);
    return service.build;
  }

  #own(name: string): ServiceModel | undefined {
    const known = this.#services.get(name);
    if (known !== undefined || name === "" || this.#services.size >= mostServices) return known;
    const service = new ServiceModel(name, this.logs);
    this.#services.set(name, service);
    return service;
  }

  #begin(attempt: number): void {
    this.attempt = attempt;
    this.logs = new LogStore();
    this.source = null;
    this.states = new Map();
    this.notes = [];
    this.failure = null;
    this.finishedAt = undefined;
    this.#services = new Map();
    this.#firstAt = undefined;
    this.#lastAt = undefined;
    this.#seen = 0;
    this.#lastSeq = 0;
    this.#origins = new Map();
  }
}
