import { setTimeout as delay } from "node:timers/promises";

/** Resolves after so many milliseconds, or when the signal aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {});
}

/** A pause that can be cut short. */
export interface Alarm {
  wait(ms: number): Promise<void>;
  /** Ends the wait that is on. */
  ring(): void;
}

export function createAlarm(signal: AbortSignal): Alarm {
  let current: AbortController | undefined;
  return {
    wait: async (ms) => {
      const rung = new AbortController();
      current = rung;
      await pause(ms, AbortSignal.any([signal, rung.signal]));
    },
    ring: () => current?.abort(),
  };
}
