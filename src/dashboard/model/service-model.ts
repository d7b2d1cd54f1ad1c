import type { BuildModel } from "./build-model.js";
import type { LogStore } from "./log-store.js";
import { count, type Fields, fields, text, textOrNull, time } from "./read.js";
import { StepModel } from "./step-model.js";

/** What was told of a service's containers: pulling, starting, healthy… */
export interface ServiceTold {
  readonly state: string;
  readonly detail: string | null;
  /** Milliseconds since 1970. */
  readonly at: number;
}

const mostTold = 200;
const mostHooks = 100;

/** One service of a deployment: what is planned for it, its build, and what became of its containers. */
export class ServiceModel {
  readonly name: string;
  /** Number of the list of all its lines in the log store. */
  readonly log: number;
  /** `build`, `reuse`, `pull`, `same-as`; empty before the plan came. */
  action = "";
  /** Within the plan; behind all that are in it while it is in none. */
  place = Number.MAX_SAFE_INTEGER;
  image: string | null = null;
  url: string | null = null;
  build: BuildModel | undefined;
  readonly told: ServiceTold[] = [];
  /** Commands of the manifest that ran for it, in that order. */
  readonly hooks: StepModel[] = [];
  readonly #logs: LogStore;

  constructor(name: string, logs: LogStore) {
    this.name = name;
    this.#logs = logs;
    this.log = logs.list();
  }

  /** A step of its build, or one of its hooks. */
  step(id: string): StepModel | undefined {
    return this.build?.step(id) ?? this.hooks.find((hook) => hook.id === id);
  }

  plan(planned: Fields, place: number): void {
    this.place = place;
    this.action = text(planned.action);
    this.image = textOrNull(planned.image);
    this.url = textOrNull(planned.url);
  }

  tell(state: string, detail: string | null, at: number): void {
    if (this.told.length < mostTold) this.told.push({ state, detail, at });
  }

  /** `hook.state`: a hook is a step with its hook's name for a stage. */
  hook(event: Fields): void {
    const [kind, command] = [text(event.hook), text(event.command)];
    const id = `${kind} ${command}`;
    let hook = this.hooks.find((one) => one.id === id);
    if (hook === undefined) {
      if (this.hooks.length >= mostHooks) return;
      hook = new StepModel(id, this.hooks.length, this.#logs.list());
      this.hooks.push(hook);
    }
    const at = time(event.at) ?? 0;
    const began = hook.started ?? at - count(event.duration);
    const over = event.state !== "running";
    hook.update({
      name: `[${kind} 1/1] ${command}`,
      state: event.state,
      started: new Date(began).toISOString(),
      ...(over ? { completed: new Date(at).toISOString(), duration: at - began } : {}),
    });
  }

  /** `hook.log`: of the last hook of its kind. */
  hookLog(event: Fields): void {
    const hook = this.hooks.findLast(({ name }) => name.stage === event.hook);
    const sentAt = time(event.at) ?? 0;
    for (const line of fields(event.lines))
      this.#logs.append(hook ? [hook.log, this.log] : [this.log], {
        text: text(line.text),
        stderr: line.stream === "stderr",
        at: time(line.at) ?? sentAt,
      });
  }

  get last(): ServiceTold | undefined {
    return this.told.at(-1);
  }
}
