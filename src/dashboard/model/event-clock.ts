/**
 * What time it is where events are made. Their times are an agent's, ours are the browser's, and the two may be minutes apart: the
 * server tells its own time, and an event that seems to come from the future says more.
 */
export class EventClock {
  /** Milliseconds by which our clock is ahead. */
  #ahead: number | undefined;

  /** The server answered with this time (`Date` of its answer). */
  server(date: number, now: number): void {
    if (!Number.isNaN(date)) this.#ahead ??= now - date;
  }

  event(at: number | undefined, now: number): void {
    if (at !== undefined) this.#ahead = Math.min(this.#ahead ?? now - at, now - at);
  }

  at(now: number): number {
    return now - (this.#ahead ?? 0);
  }
}
