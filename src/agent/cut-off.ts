import type { Docker } from "../docker/index.js";
import { withDeadline } from "../errors/index.js";
import { bringBack, finishSwitch } from "../preview/index.js";
import type { AgentConfig } from "./config.js";
import { askIngress } from "./ingress-switch.js";
import type { AgentLog } from "./log.js";
import { retry } from "./retry.js";

export interface CutOffOptions {
  readonly docker: Docker;
  /** Id. */
  readonly agent: string;
  /** Ids of environments in which a deployment may have been cut off when this agent was killed. */
  readonly environments: readonly string[];
  readonly config: Pick<AgentConfig, "switchMs" | "ingressSocket">;
  readonly log: AgentLog;
  /** Ends all of it. */
  readonly signal: AbortSignal;
}

/** Milliseconds for one environment: a database that is stopped may have much to write down. */
const limitMs = 180_000;
/** An engine that has just started with its machine may be busy with that. */
const attempts = 5;
/** Environments at once. */
const atOnce = 4;

/**
 * Sees to environments in which a deployment was cut off: what it had stopped starts again where nothing runs in its place, and what it has
 * replaced goes. That needs the engine and nobody else, neither the server nor the bus.
 *
 * @returns of each environment when that is done, or given up; nothing of it rejects
 */
export function settleCutOff(options: CutOffOptions): ReadonlyMap<string, Promise<void>> {
  const { environments } = options;
  const settled = new Map<string, Promise<void>>();
  const before: Promise<void>[] = Array.from({ length: atOnce }, () => Promise.resolve());
  for (const [index, environment] of environments.entries()) {
    const turn = index % atOnce;
    const done = (before[turn] ?? Promise.resolve()).then(() => settle(environment, options));
    before[turn] = done;
    settled.set(environment, done);
  }
  return settled;
}

async function settle(environment: string, options: CutOffOptions): Promise<void> {
  const { docker, agent, log, signal } = options;
  const { switchMs, ingressSocket } = options.config;
  const moved = ingressSocket === undefined ? undefined : askIngress(ingressSocket);
  const owner = { agent, environment };
  const onNote = (text: string) => log.warn({ environment }, text);
  const work = async () => {
    const limit = withDeadline(signal, limitMs);
    const started = await bringBack(docker, owner, limit);
    if (started.length > 0)
      log.info(
        { environment, services: started },
        "started again what was stopped by a deployment that was cut off",
      );
    const removed = await finishSwitch(docker, owner, { switchMs, moved, onNote }, limit);
    if (removed.length > 0)
      log.info(
        { environment, services: removed },
        "removed what was replaced by a deployment that was cut off",
      );
  };
  try {
    await retry(work, { attempts, signal, worthIt: () => true });
  } catch (error) {
    if (!signal.aborted)
      log.warn({ environment, error: (error as Error).message }, "what was cut off in it is left as it is");
  }
}
