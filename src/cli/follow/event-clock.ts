import type { Clock } from "../../buildkit/index.js";

/**
 * A clock that shows the time of the events that are shown, so that who comes late to a build sees how long its steps have
 * taken and not how long ago they were told. Between events it goes on as ours does; it never goes back.
 */
export class EventClock implements Clock {
  readonly #own: Clock;
  #shown: number | undefined;
  #at = 0;

  constructor(own: Clock) {
    this.#own = own;
  }

  now(): number {
    const own = this.#own.now();
    return this.#shown === undefined ? own : this.#shown + Math.max(0, own - this.#at);
  }

  every(milliseconds: number, tick: () => void): () => void {
    return this.#own.every(milliseconds, tick);
  }

  /** An event of this time (RFC 3339) is shown now. */
  show(time: unknown): void {
    const event = typeof time === "string" ? Date.parse(time) : Number.NaN;
    if (Number.isNaN(event)) return;
    this.#shown = this.#shown === undefined ? event : Math.max(event, this.now());
    this.#at = this.#own.now();
  }
}
