interface Waiting {
  readonly leave: () => void;
}

/**
 * Works that wait for their turn, of each name the newest alone: what it leaves replaces what those before it would have left, so that they
 * need not be done.
 */
export class Newest {
  readonly #waiting = new Map<string, Waiting>();

  /**
   * @param queue calls what it is given when it is its turn, or not at all; never rejects
   * @returns resolves when the work is done, or another one of its name has come before its turn
   */
  put(
    name: string,
    work: () => Promise<void>,
    queue: (turn: () => Promise<void>) => Promise<void>,
  ): Promise<void> {
    this.#waiting.get(name)?.leave();
    return new Promise((leave) => {
      const mine = { leave };
      this.#waiting.set(name, mine);
      const taken = () => {
        if (this.#waiting.get(name) !== mine) return false;
        return this.#waiting.delete(name);
      };
      void queue(async () => {
        if (taken()) await work();
      }).then(() => {
        taken(); // it was not called
        leave();
      });
    });
  }
}
