import type { ClaimedMessage, JobQueue } from "../bus/index.js";
import type { AgentLog } from "./log.js";
import type { Slots } from "./slots.js";

export interface ClaimLoopOptions {
  readonly queue: JobQueue;
  /** Deployments at once. */
  readonly slots: Slots;
  /** Resolves when jobs can be carried out: the engine answers. */
  readonly ready: (signal: AbortSignal) => Promise<void>;
  readonly handle: (message: ClaimedMessage) => Promise<void>;
  readonly log: AgentLog;
  /** No more claims. */
  readonly signal: AbortSignal;
}

/** Asks the bus for a job only while there is a slot for it. Resolves when the signal aborts; what was begun goes on. */
export async function claimLoop(options: ClaimLoopOptions): Promise<void> {
  const { queue, slots, ready, handle, log, signal } = options;
  while (!signal.aborted) {
    let release: (() => void) | undefined;
    try {
      release = await slots.acquire(signal);
      await ready(signal);
      const message = await queue.next(signal);
      handle(message)
        .catch((error: unknown) =>
          log.error({ error: String(error) }, "a job was lost on the way; it comes again"),
        )
        .finally(release);
    } catch (error) {
      release?.();
      if (!signal.aborted) throw error;
    }
  }
}
