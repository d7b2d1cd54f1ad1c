import { setInterval } from "node:timers";
import type { BusConnection } from "./connection.js";
import type { Delivery } from "./delivery.js";
import { jobAckWaitMs, parseJob } from "./job-consumers.js";
import type { BusLog } from "./log.js";
import type { JobMessage } from "./messages.js";
import { type Pull, pull } from "./pull.js";
import { jobConsumer, streams, subjects } from "./subjects.js";
import { backoffMs, pause } from "./within.js";

/** A job in the hands of this agent. Nobody else gets it while `working` is said often enough. */
export interface ClaimedMessage {
  readonly message: JobMessage;
  /** How often the bus has delivered it, from 1. */
  readonly delivery: number;
  /** Keeps it for another `jobAckWaitMs`. */
  working(): void;
  /** Says `working` in time until the signal aborts. */
  keepAlive(signal: AbortSignal): void;
  /**
   * Done with. Repeated until the bus has it, for 30 s or until the signal aborts. False when it may not have it: then the job comes
   * again, and its claim is refused.
   */
  ack(signal?: AbortSignal): Promise<boolean>;
  /** Hands it back, to be delivered again after that time. */
  nak(delayMs: number): void;
}

export interface JobQueueOptions {
  readonly connection: BusConnection;
  /** Id of the agent that this process is. */
  readonly agent: string;
  readonly log: BusLog;
}

export interface JobQueue {
  /**
   * Waits for the next job. The bus is asked for no more jobs than there are calls that wait, so call it for a free slot. Goes on through
   * lost connections. Rejects with the signal's reason, and no other way.
   */
  next(signal: AbortSignal): Promise<ClaimedMessage>;
  /** Hands back what arrives without a taker. Waiting calls are the business of their signals. */
  close(): void;
}

const expiresMs = 5_000;

export function openJobQueue(options: JobQueueOptions): JobQueue {
  const { connection, agent, log } = options;
  const subject = subjects.jobs(agent);
  const stop = new AbortController();
  const waiters: ((job: ClaimedMessage) => void)[] = [];
  /** Loops that pull, and the pulls that are open. */
  let loops = 0;
  const pulls = new Set<Pull>();

  const onDelivery = (delivery: Delivery) => {
    const message = delivery.subject === subject ? parseJob(delivery.data) : undefined;
    if (!message) {
      log.error({ subject: delivery.subject, sequence: delivery.sequence }, "a message is no job: removed");
      return delivery.term();
    }
    const waiter = stop.signal.aborted ? undefined : waiters.shift();
    if (waiter) waiter(claimed(delivery, message));
    else delivery.nak(0); // who waited for it has gone
  };

  /** Keeps as many pulls open as there are calls that wait. */
  const keepPulling = async () => {
    loops += 1;
    let failures = 0;
    try {
      while (waiters.length >= loops && !stop.signal.aborted) {
        if (!connection.connected) {
          await connectedAgain(connection, stop.signal);
          continue;
        }
        const one = pull(connection, {
          stream: streams.jobs,
          consumer: jobConsumer(agent),
          batch: 1,
          expiresMs,
          onDelivery,
        });
        pulls.add(one);
        const end = await one.ended;
        pulls.delete(one);
        if (end.kind !== "refused") {
          failures = 0;
          if (end.kind === "lost") await pause(50, stop.signal); // its new leader is not there at once
          continue;
        }
        // The server makes the consumer: it may not have come to that yet.
        if (failures === 0) log.warn({ reason: end.reason }, "the bus gives no jobs; asking again");
        failures += 1;
        await pause(backoffMs(failures, 100, 5_000), stop.signal);
      }
    } finally {
      loops -= 1;
    }
  };

  return {
    next: (signal) =>
      new Promise((resolve, reject) => {
        signal.throwIfAborted();
        const taker = (job: ClaimedMessage) => {
          signal.removeEventListener("abort", abort);
          resolve(job);
        };
        const abort = () => {
          const place = waiters.indexOf(taker);
          if (place >= 0) waiters.splice(place, 1);
          for (const one of [...pulls].slice(waiters.length)) one.end();
          reject(signal.reason);
        };
        signal.addEventListener("abort", abort, { once: true });
        waiters.push(taker);
        if (loops < waiters.length)
          keepPulling().catch((error: unknown) =>
            log.error({ error: String(error) }, "asking for jobs failed"),
          );
      }),
    close: () => {
      stop.abort();
      for (const one of pulls) one.end();
    },
  };

  function claimed(delivery: Delivery, message: JobMessage): ClaimedMessage {
    return {
      message,
      delivery: delivery.delivery,
      working: delivery.working,
      keepAlive: (signal) => {
        if (signal.aborted) return;
        delivery.working();
        const timer = setInterval(delivery.working, jobAckWaitMs / 3);
        signal.addEventListener("abort", () => clearInterval(timer), { once: true });
      },
      ack: async (signal) => {
        const until = Date.now() + 30_000;
        for (let failures = 0; ; failures += 1) {
          try {
            await delivery.ack(2_000);
            return true;
          } catch (error) {
            if (signal?.aborted || Date.now() >= until || connection.nats.isClosed()) {
              log.warn(
                { deployment: message.deployment, error: String(error) },
                "a job was not acknowledged",
              );
              return false;
            }
            await pause(backoffMs(failures, 100, 2_000), signal);
          }
        }
      },
      nak: delivery.nak,
    };
  }
}

function connectedAgain(connection: BusConnection, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      off();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const off = connection.on("back", end);
    signal.addEventListener("abort", end, { once: true });
    if (connection.connected || signal.aborted) end();
  });
}
