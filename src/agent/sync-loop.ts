import type { SyncReply, SyncRequest } from "../bus/index.js";
import { withDeadline } from "../errors/index.js";
import type { ActiveRuns } from "./active.js";
import type { AgentLog } from "./log.js";
import { createAlarm } from "./pause.js";
import type { Resting } from "./resting.js";

export interface SyncOptions {
  readonly active: ActiveRuns;
  /** Environments that have anything on the engine, with the deployments that their containers were made for. Ids. */
  readonly environments: (
    signal: AbortSignal,
  ) => Promise<readonly { readonly environment: string; readonly deployments: readonly string[] }[]>;
  /** Removes everything of an environment. */
  readonly remove: (environment: string, signal: AbortSignal) => Promise<void>;
  /** Takes back what a deployment has left that is over and never served. */
  readonly undo: (environment: string, deployment: string, signal: AbortSignal) => Promise<void>;
  /** Stops and starts containers of environments; what came of it is told with the next question. */
  readonly rest: Pick<Resting, "begin" | "outcomes" | "told">;
  /** Environments that were asked for something. */
  readonly traffic: {
    readonly look: (signal: AbortSignal) => Promise<readonly string[]>;
    readonly told: (ids: readonly string[]) => void;
  };
  /** Connects the proxy to every preview's network again: one that was made anew has lost its connections. */
  readonly reconnect: (signal: AbortSignal) => Promise<unknown>;
  readonly ask: (request: SyncRequest, signal: AbortSignal) => Promise<SyncReply>;
  readonly log: AgentLog;
  readonly signal: AbortSignal;
  /** Milliseconds between two. Default: a minute. */
  readonly everyMs?: number;
}

export interface SyncLoop {
  /** Asks again at once, or as soon as the current one is over. */
  trigger(): void;
  /** Resolves when the signal has aborted and nothing is under way. */
  readonly done: Promise<void>;
}

/** Milliseconds for a look at the network's counters. */
const lookMs = 30_000;
/** Milliseconds that all of a reply may take to be carried out. */
const carryOutMs = 300_000;

/** Compares what is here with what should be: at once, each minute, and when triggered. */
export function startSync(options: SyncOptions): SyncLoop {
  const { signal, log, everyMs = 60_000 } = options;
  const alarm = createAlarm(signal);
  let again = true;
  const loop = async () => {
    while (!signal.aborted) {
      again = false;
      try {
        await syncOnce(options);
      } catch (error) {
        if (!signal.aborted)
          log.warn({ error: (error as Error).message }, "what should be here could not be asked for");
      }
      if (!again) await alarm.wait(everyMs);
    }
  };
  return {
    trigger: () => {
      again = true;
      alarm.ring();
    },
    done: loop(),
  };
}

const mostRuns = 1_000;
const mostEnvironments = 10_000;

async function syncOnce(options: SyncOptions): Promise<void> {
  const { active, environments, remove, undo, reconnect, rest, traffic, ask, log, signal } = options;
  // Before the server is asked: previews should answer while it is away, too.
  await reconnect(withDeadline(signal, carryOutMs)).catch((error: unknown) => {
    if (!signal.aborted)
      log.warn({ error: (error as Error).message }, "the proxy could not be connected to the previews");
  });
  const running = active.list().map(({ deployment, attempt }) => ({ deployment, attempt }));
  const found = await environments(signal);
  const here = found.map(({ environment }) => environment);
  const asked = await traffic.look(withDeadline(signal, lookMs)).catch(() => []);
  const request: SyncRequest = {
    v: 1,
    running: running.slice(0, mostRuns),
    environments: here.slice(0, mostEnvironments),
    deployments: found.flatMap(({ deployments }) => deployments).slice(0, mostEnvironments),
    active: asked.slice(0, mostEnvironments),
    rested: rest.outcomes().slice(0, mostRuns),
  };
  const reply = await ask(request, signal);
  rest.told(request.rested);
  traffic.told(request.active);
  for (const { deployment, reason } of reply.stop) {
    if (active.stop(deployment, reason)) log.info({ deployment, reason }, "the server wants it ended");
  }
  const limit = withDeadline(signal, carryOutMs);
  const known = new Set(here);
  // Nothing is touched that was not asked about, and nothing under a deployment's feet.
  const free = (environment: string) =>
    known.has(environment) && !active.list().some((run) => run.environment === environment);
  for (const kind of ["hibernate", "wake"] as const)
    for (const environment of reply[kind].filter(free)) rest.begin(kind, environment);
  for (const environment of reply.remove) {
    if (!free(environment)) continue;
    log.info({ environment }, "removing an environment that should be gone");
    await remove(environment, limit);
  }
  const removed = new Set(reply.remove);
  for (const { environment, deployment } of reply.undo) {
    if (!free(environment) || removed.has(environment)) continue;
    await undo(environment, deployment, limit).catch((error: unknown) => {
      signal.throwIfAborted();
      log.warn({ environment, deployment, error: (error as Error).message }, "what it left is still there");
    });
  }
}
