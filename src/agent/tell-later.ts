import type { AgentLog } from "./log.js";
import { createAlarm } from "./pause.js";

export interface TellLaterOptions<Event> {
  /** Rejects when the server was not reached. */
  readonly ask: (events: Event[], signal: AbortSignal) => Promise<unknown>;
  /** For the log: what could not be told yet. */
  readonly what: string;
  readonly log: AgentLog;
  readonly signal: AbortSignal;
  /** Milliseconds until the server is asked again after it was away. Default 5,000. */
  readonly retryMs?: number | undefined;
}

/** Events that wait for the server: the newest count. */
const mostWaiting = 500;
const atOnce = 100;
/** Milliseconds in which events gather for a message. */
const gatherMs = 200;

/** Tells the server what happens outside of deployments, in order, also when it is away for a while. What was told before an answer was lost is told again. */
export function startTellLater<Event>(options: TellLaterOptions<Event>): {
  add(event: Event): void;
  readonly done: Promise<void>;
} {
  const { ask, what, log, signal, retryMs = 5_000 } = options;
  const waiting: Event[] = [];
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
        log.debug({ error: (error as Error).message }, `${what} could not be told yet`);
        await createAlarm(signal).wait(retryMs);
      }
    }
  };
  return {
    add: (event) => {
      waiting.push(event);
      if (waiting.length > mostWaiting) waiting.shift();
      setTimeout(alarm.ring, gatherMs);
    },
    done: loop(),
  };
}
