// The control plane: HTTP API, database, accounts, projects, queue and reconciler. Talks to agents over the bus alone and must not
// know how they build or run anything.
import type { ServerConfig } from "./config/index.js";
import { deploymentsPart } from "./deployments-part.js";
import type { MakePart } from "./part.js";
import { type RunningServer, type StartOptions, startServerOf } from "./start.js";

export { writeBusConfig } from "./bus-config.js";
export { parseConfig, type ServerConfig } from "./config/index.js";
export { createLog } from "./http/index.js";
export { type InitResult, initServer } from "./init.js";
export type { RunningServer, StartOptions } from "./start.js";

/** What the server consists of beside accounts, projects and the audit log. */
const parts: readonly MakePart[] = [deploymentsPart()];

/** Starts the whole server; see `startServerOf` for what it throws. */
export const startServer = (config: ServerConfig, options: StartOptions): Promise<RunningServer> =>
  startServerOf(parts, config, options);
