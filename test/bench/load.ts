import { setTimeout as delay } from "node:timers/promises";
import { ask } from "./answers.js";

export interface Load {
  /** Resolves when the last request is over, with how many were sent, and how many had another answer than 200 or none. */
  stop(): Promise<{ readonly sent: number; readonly lost: number }>;
}

const askers = 5;
/** Milliseconds between two requests of one asker: fifty a second of them all. */
const paceMs = 100;

/** Asks a URL all the time, each request on a connection of its own. */
export function constantLoad(url: string, signal: AbortSignal): Load {
  let sent = 0;
  let lost = 0;
  let over = false;
  const one = async () => {
    while (!over && !signal.aborted) {
      sent += 1;
      const { status } = await ask(url, signal).catch(() => ({ status: 0 }));
      if (status !== 200) lost += 1;
      await delay(paceMs);
    }
  };
  const asking = Promise.all(Array.from({ length: askers }, one));
  return {
    stop: async () => {
      over = true;
      await asking;
      return { sent, lost };
    },
  };
}
