import type { Logger } from "pino";
import type { Database } from "../store/index.js";
import type { AgentBus } from "./agent-bus.js";

export interface AgentDeps {
  readonly db: Database;
  readonly bus: AgentBus;
  readonly log: Logger;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Where people open Galley; hints point there. */
  readonly publicUrl: URL;
}
