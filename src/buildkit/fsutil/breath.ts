import { setImmediate } from "node:timers";

/**
 * Keeps long synchronous work from starving the event loop: BuildKit drops a session that misses its health check, and
 * promises that resolve at once never let a socket be read. One per transfer, shared by everything that works for it.
 */
export class Breath {
  private readonly limit: number;
  private started = performance.now();
  private resting: Promise<void> | undefined;

  /** `limit`: milliseconds of work in one go. */
  constructor(limit = 8) {
    this.limit = limit;
  }

  /** Undefined while there is time left; else a promise to await before going on. */
  taken(): Promise<void> | undefined {
    if (this.resting !== undefined) return this.resting;
    if (performance.now() - this.started < this.limit) return undefined;
    this.resting = new Promise((resolve) => {
      setImmediate(() => {
        this.resting = undefined;
        this.started = performance.now();
        resolve();
      });
    });
    return this.resting;
  }
}
