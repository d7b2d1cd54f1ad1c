import type { AddressInfo } from "node:net";
import type { Logger } from "pino";
import { GalleyError } from "../errors/index.js";
import { type AccountDeps, accountRoutes, createAuthenticator } from "./accounts/index.js";
import { auditRoutes } from "./audit/routes.js";
import type { ServerConfig } from "./config/index.js";
import { type App, createHttp, findDashboard, type RateLimits } from "./http/index.js";
import type { MakePart, Part } from "./part.js";
import { previewHost } from "./preview-host.js";
import { createProjects, projectRoutes } from "./projects/index.js";
import { unlock } from "./secrets/index.js";
import { openStore } from "./store/index.js";

export interface StartOptions {
  readonly log: Logger;
  /** Aborted: the start is given up, or the running server is closed as by `close`. */
  readonly signal: AbortSignal;
  readonly now?: () => Date;
  readonly limits?: RateLimits & Pick<AccountDeps, "attemptsPerAccount" | "passwordCost">;
}

export interface RunningServer {
  /** Where it listens, for example `http://127.0.0.1:8080`. */
  readonly url: string;
  /** Resolves when it has ended; rejects when the end went wrong. */
  readonly closed: Promise<void>;
  /** Lets running requests end, stops the parts, closes the database. May be called more than once. */
  close(): Promise<void>;
}

/**
 * Starts the server: database and migrations, master key, parts, HTTP. Throws what any of them throws, with everything closed again:
 * `database_unreachable`, `database_busy`, `database_incompatible`, `master_key_invalid`, `port_in_use`.
 */
export async function startServerOf(
  parts: readonly MakePart[],
  config: ServerConfig,
  options: StartOptions,
): Promise<RunningServer> {
  const { log, signal } = options;
  const now = options.now ?? (() => new Date());
  /** What has been started, to be stopped in the other order. */
  const stops: (() => Promise<unknown>)[] = [];
  const stopAll = async () => {
    let failure: unknown;
    for (let stop = stops.pop(); stop; stop = stops.pop())
      await stop().catch((error: unknown) => {
        log.error({ err: error }, "a part of the server did not stop as it should");
        failure ??= error;
      });
    if (failure !== undefined) throw failure;
  };
  try {
    const store = await openStore(config.database, { log, signal });
    stops.push(() => store.close());
    const vault = await unlock(
      store,
      { masterKey: config.masterKey, previous: config.previousMasterKey },
      log,
    );
    const projects = createProjects({ store, vault });
    const running: Part[] = [];
    for (const make of parts) {
      signal.throwIfAborted();
      const part = await make({ store, config, projects, log, now, signal });
      running.push(part);
      stops.push(() => part.stop());
    }
    const app = await createHttp({
      store,
      log,
      authenticator: createAuthenticator(store.db, now),
      publicUrl: config.publicUrl,
      trustedProxies: config.trustedProxies,
      ...(options.limits ? { limits: options.limits } : {}),
      isPreview: (host) => previewHost(host, config) !== undefined,
      ready: running.flatMap(({ ready }) => ready ?? []),
      dashboard: findDashboard(),
      api: (api) => {
        accountRoutes(api, { ...options.limits, store, publicUrl: config.publicUrl, now });
        auditRoutes(api, { store });
        projectRoutes(api, {
          store,
          vault,
          projects,
          now,
          allowLocalRepositories: config.allowLocalRepositories,
          beforeDelete: async (tx, project) => {
            for (const part of running) await part.beforeProjectDelete?.(tx, project);
          },
        });
        for (const part of running) part.api?.(api);
      },
      root: (root) => {
        for (const part of running) part.root?.(root);
      },
    });
    stops.push(() => app.close());
    signal.throwIfAborted();
    await listen(app, config);
    log.info({ database: store.kind, host: config.host, port: portOf(app) }, "the server listens");
    return runningServer(app, config, stopAll, signal);
  } catch (error) {
    await stopAll().catch(() => {}); // each failure is in the log; the first is the one to tell
    throw error;
  }
}

function runningServer(
  app: App,
  config: ServerConfig,
  stopAll: () => Promise<void>,
  signal: AbortSignal,
): RunningServer {
  let ended: () => void = () => {};
  let failed: (error: unknown) => void = () => {};
  const closed = new Promise<void>((resolve, reject) => {
    ended = resolve;
    failed = reject;
  });
  closed.catch(() => {}); // whoever waits for it gets it
  let closing = false;
  const close = () => {
    if (!closing) {
      closing = true;
      signal.removeEventListener("abort", close);
      stopAll().then(ended, failed);
    }
    return closed;
  };
  signal.addEventListener("abort", close, { once: true });
  if (signal.aborted) void close();
  const host = config.host.includes(":") ? `[${config.host}]` : config.host;
  return { url: `http://${host}:${portOf(app)}`, closed, close };
}

const portOf = (app: App): number => (app.server.address() as AddressInfo).port;

async function listen(app: App, { host, port }: ServerConfig): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EADDRINUSE")
      throw new GalleyError("port_in_use", `Another program has the port ${port} of ${host}.`, {
        hint: "Stop it, or give the server another GALLEY_PORT.",
      });
    if (code === "EACCES" || code === "EADDRNOTAVAIL")
      throw new GalleyError(
        "config_invalid",
        `The server may not listen on port ${port} of ${host} (${code}).`,
        {
          hint: "Set GALLEY_HOST and GALLEY_PORT to an address of this machine and a port above 1023.",
        },
      );
    throw error;
  }
}
