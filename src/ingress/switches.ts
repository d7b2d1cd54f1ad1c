/** From which containers requests shall have moved to which. Ids. */
export interface Change {
  readonly to: readonly string[];
  readonly from: readonly string[];
}

/** Who waits at most at a time. */
const MOST_WAITING = 1_000;

/**
 * Which containers are answering requests, and who waits until requests have moved from some of them to others: every host of the new ones
 * leads to them, and nothing that was sent to an old one is still to be answered. Connections that have changed their protocol have no end of
 * their own and are not waited for.
 */
export class Switches {
  readonly #leadsTo: (container: string) => boolean;
  readonly #under = new Map<string, number>();
  readonly #waiting = new Set<() => void>();

  /** @param leadsTo every host that a container asks for is sent to it */
  constructor(leadsTo: (container: string) => boolean) {
    this.#leadsTo = leadsTo;
  }

  /** A request is sent to a container. What it returns is to be called once, when it has been answered or given up. */
  begin(container: string): () => void {
    this.#under.set(container, (this.#under.get(container) ?? 0) + 1);
    return () => {
      const left = (this.#under.get(container) ?? 1) - 1;
      if (left > 0) return void this.#under.set(container, left);
      this.#under.delete(container);
      this.look();
    };
  }

  /** The routes have changed. */
  look(): void {
    for (const waiting of [...this.#waiting]) waiting();
  }

  /** Resolves with true when it is so; with false at the signal, or when too many wait. */
  moved({ to, from }: Change, signal: AbortSignal): Promise<boolean> {
    const so = () => to.every(this.#leadsTo) && !from.some((container) => this.#under.has(container));
    if (signal.aborted || this.#waiting.size >= MOST_WAITING) return Promise.resolve(false);
    return new Promise((resolve) => {
      const end = (value: boolean) => {
        this.#waiting.delete(look);
        signal.removeEventListener("abort", stop);
        resolve(value);
      };
      const look = () => {
        if (so()) end(true);
      };
      const stop = () => end(false);
      this.#waiting.add(look);
      signal.addEventListener("abort", stop, { once: true });
      look();
    });
  }
}
