/** An event as far as its place is concerned. */
export interface Numbered {
  /** Which attempt to carry out the deployment has written it. */
  readonly attempt: number;
  /** From 1, without gaps within the attempt. */
  readonly seq: number;
}

/** Events that wait for one before them. A gap that costs more than this is taken for a loss. */
const mostWaiting = 20_000;

/**
 * Puts events into the order in which they were written. Log lines and everything else reach the server by streams of their own,
 * so that one may overtake the other by a moment. Each event comes out once.
 */
export class InOrder<Event extends Numbered> {
  #attempt = 0;
  #next = 1;
  readonly #waiting = new Map<number, Event>();
  readonly #missing = new Set<number>();

  /** Events wait for one that has not come. */
  get waiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** How many were given up and have not come since. */
  get missing(): number {
    return this.#missing.size;
  }

  /** Takes an event and gives those whose turn it is. One of an earlier attempt is not shown: a newer one has begun anew. */
  push(event: Event): Event[] {
    const { attempt, seq } = event;
    if (attempt < this.#attempt) return [];
    const before = attempt > this.#attempt ? this.#begin(attempt) : [];
    if (seq < this.#next) return this.#missing.delete(seq) ? [event] : before;
    this.#waiting.set(seq, event);
    return [...before, ...this.#take(), ...(this.#waiting.size > mostWaiting ? this.giveUp() : [])];
  }

  /** Waits no longer for what is missing before those that came. */
  giveUp(): Event[] {
    const events: Event[] = [];
    for (const [seq, event] of [...this.#waiting].sort(([a], [b]) => a - b)) {
      for (let lost = this.#next; lost < seq && this.#missing.size < mostWaiting; lost += 1)
        this.#missing.add(lost);
      this.#next = seq + 1;
      events.push(event);
    }
    this.#waiting.clear();
    return events;
  }

  #take(): Event[] {
    const events: Event[] = [];
    for (let event = this.#waiting.get(this.#next); event; event = this.#waiting.get(this.#next)) {
      this.#waiting.delete(this.#next);
      this.#next += 1;
      events.push(event);
    }
    return events;
  }

  #begin(attempt: number): Event[] {
    const rest = this.giveUp();
    this.#attempt = attempt;
    this.#next = 1;
    this.#missing.clear();
    return rest;
  }
}
