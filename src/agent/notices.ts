import { randomUUID } from "node:crypto";
import type { NoticeRequest } from "../bus/index.js";
import type { ServiceEvent } from "../preview/index.js";
import type { AgentLog } from "./log.js";
import { createAlarm } from "./pause.js";

export interface NoticesOptions {
  /** Rejects when the server was not reached. */
  readonly ask: (events: NoticeRequest["events"], signal: AbortSignal) => Promise<unknown>;
  readonly log: AgentLog;
  readonly signal: AbortSignal;
  /** Milliseconds until the server is asked again after it was away. Default 5,000. */
  readonly retryMs?: number;
}

/** Events that wait for the server: the newest count, as a service that crashes all the time has nothing new to say. */
const mostWaiting = 500;
const atOnce = 100;
/** Milliseconds in which events gather for a message. */
const gatherMs = 200;

/** Tells the server what happens to services, each once, also when it is away for a while. */
export function startNotices(options: NoticesOptions): {
  take(event: ServiceEvent): void;
  readonly done: Promise<void>;
} {
  const { ask, log, signal, retryMs = 5_000 } = options;
  const waiting: NoticeRequest["events"] = [];
  const alarm = createAlarm(signal);
  const loop = async () => {
    while (!signal.aborted) {
      if (waiting.length === 0) {
        await alarm.wait(60_000);
        continue;
      }
      const events = waiting.slice(0, atOnce);
      try {
        await ask(events, signal);
        // Those that were dropped meanwhile were the oldest.
        while (waiting[0] && events.includes(waiting[0])) waiting.shift();
      } catch (error) {
        if (signal.aborted) return;
        log.debug({ error: (error as Error).message }, "what happened to services could not be told yet");
        await createAlarm(signal).wait(retryMs);
      }
    }
  };
  return {
    take: ({ environment, deployment, service, at, type, exitCode, restarts }) => {
      if (!isId(environment)) return;
      waiting.push({
        key: randomUUID(),
        at,
        environment,
        deployment: isId(deployment) ? deployment : null,
        service: service.slice(0, 64),
        type,
        exitCode,
        restarts,
      });
      if (waiting.length > mostWaiting) waiting.shift();
      setTimeout(alarm.ring, gatherMs);
    },
    done: loop(),
  };
}

/** A label may hold anything. */
const isId = (text: string) => /^[a-z0-9][a-z0-9_-]{0,62}$/.test(text);
