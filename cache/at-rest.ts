interface Waiting {
  readonly go: () => void;
  readonly timer: NodeJS.Timeout;
}

/** Lets those wait who have something to do when nobody is busy with a name any more, but for no longer than they can. */
export class AtRest {
  readonly #isBusy: (name: string) => boolean;
  readonly #patienceMs: number;
  readonly #waiting = new Map<string, Set<Waiting>>();
  #closed = false;

  /** @param patienceMs milliseconds after which one goes in any case */
  constructor(isBusy: (name: string) => boolean, patienceMs: number) {
    this.#isBusy = isBusy;
    this.#patienceMs = patienceMs;
  }

  /** Resolves when nobody is busy with it, or it has waited long enough, or there is nothing to wait for any more. Never rejects. */
  wait(name: string): Promise<void> {
    if (this.#closed || !this.#isBusy(name)) return Promise.resolve();
    const waiting = this.#waiting.get(name) ?? new Set();
    this.#waiting.set(name, waiting);
    return new Promise((go) => {
      const one = {
        go,
        timer: setTimeout(() => {
          waiting.delete(one);
          go();
        }, this.#patienceMs).unref(),
      };
      waiting.add(one);
    });
  }

  /** Somebody is busy with it no more. */
  left(name: string): void {
    if (this.#isBusy(name)) return;
    for (const { go, timer } of this.#waiting.get(name) ?? []) {
      clearTimeout(timer);
      go();
    }
    this.#waiting.delete(name);
  }

  close(): void {
    this.#closed = true;
    for (const waiting of this.#waiting.values())
      for (const { go, timer } of waiting) {
        clearTimeout(timer);
        go();
      }
    this.#waiting.clear();
  }
}
