import type { Spool } from "../bus/index.js";
import { abortAfter } from "../errors/index.js";
import type { ActiveRuns } from "./active.js";
import type { AgentLog } from "./log.js";

export interface DrainOptions {
  readonly active: ActiveRuns;
  readonly spool: Pick<Spool, "sent">;
  readonly log: AgentLog;
  /** Milliseconds that what runs gets to finish. */
  readonly graceMs: number;
}

/** Milliseconds for a deployment to end that was told to, and for the bus to take the last events. */
const endMs = 30_000;
const sendMs = 5_000;

/** Lets what runs finish, hands back what does not in time, and lets the last events go. Never rejects. */
export async function drain({ active, spool, log, graceMs }: DrainOptions): Promise<void> {
  const running = () => active.list();
  if (running().length > 0) {
    log.info({ running: running().length, graceMs }, "draining: waiting for deployments to finish");
    await within(graceMs, () => Promise.all(running().map(({ done }) => done)));
  }
  if (running().length > 0) {
    log.warn({ running: running().length }, "the grace period is over: handing deployments back");
    for (const { deployment } of running()) active.stop(deployment, "drained");
    await within(endMs, () => Promise.all(running().map(({ done }) => done)));
  }
  await within(sendMs, () => active.settled());
  // What is left waits on disk for the next start.
  await spool.sent(abortAfter(sendMs)).catch(() => {});
}

async function within(ms: number, work: () => Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work(), late]);
  clearTimeout(timer);
}
