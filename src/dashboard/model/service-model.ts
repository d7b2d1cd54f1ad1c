import type { BuildModel } from "./build-model.js";
import { type Fields, text, textOrNull } from "./read.js";

/** What was told of a service's containers: pulling, starting, healthy… */
export interface ServiceTold {
  readonly state: string;
  readonly detail: string | null;
  /** Milliseconds since 1970. */
  readonly at: number;
}

const mostTold = 200;

/** One service of a deployment: what is planned for it, its build, and what became of its containers. */
export class ServiceModel {
  readonly name: string;
  /** Number of the list of all its lines in the log store. */
  readonly log: number;
  /** `build`, `reuse`, `pull`, `same-as`; empty before the plan came. */
  action = "";
  image: string | null = null;
  url: string | null = null;
  build: BuildModel | undefined;
  readonly told: ServiceTold[] = [];

  constructor(name: string, log: number) {
    this.name = name;
    this.log = log;
  }

  plan(planned: Fields): void {
    this.action = text(planned.action);
    this.image = textOrNull(planned.image);
    this.url = textOrNull(planned.url);
  }

  tell(state: string, detail: string | null, at: number): void {
    if (this.told.length < mostTold) this.told.push({ state, detail, at });
  }

  get last(): ServiceTold | undefined {
    return this.told.at(-1);
  }
}
