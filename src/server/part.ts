import type { Logger } from "pino";
import type { ServerConfig } from "./config/index.js";
import type { App, ReadyCheck } from "./http/index.js";
import type { Projects } from "./projects/index.js";
import type { Database, Store } from "./store/index.js";

/** What the server hands to a part of it. */
export interface PartDeps {
  readonly store: Store;
  readonly config: ServerConfig;
  readonly projects: Projects;
  readonly log: Logger;
  readonly now: () => Date;
  /** Aborted when the start is given up. */
  readonly signal: AbortSignal;
}

/** Something the server does beside the ground: routes, loops, connections. Made and running when it is handed over. */
export interface Part {
  /** Adds routes below /api/v1. */
  readonly api?: (app: App) => void;
  /** Adds routes outside of it. */
  readonly root?: (app: App) => void;
  readonly ready?: readonly ReadyCheck[];
  /** In the transaction that deletes a project: removes what the part keeps of it, or throws `conflict` while it is in use. */
  readonly beforeProjectDelete?: (tx: Database, project: { id: string; name: string }) => Promise<void>;
  /** Called after the last request and before the database is closed. */
  stop(): Promise<void>;
}

export type MakePart = (deps: PartDeps) => Promise<Part>;
