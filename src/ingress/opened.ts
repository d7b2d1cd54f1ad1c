/** Who is remembered at a time. */
const MOST = 1_000;

/**
 * Containers of which the agent on this machine has said that they take requests. The engine says the same, by their health, up to a second
 * later: until then the agent's word counts.
 */
export class Opened {
  readonly #ids = new Set<string>();
  #look: ((id: string) => void) | undefined;

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  /** Its word is used up: the engine has told more than that the container starts, or it is gone. */
  forget(id: string): void {
    this.#ids.delete(id);
  }

  /** @param ids of containers */
  add(ids: readonly string[]): void {
    for (const id of ids) {
      this.#ids.delete(id);
      this.#ids.add(id);
      this.#look?.(id);
    }
    for (const oldest of this.#ids) {
      if (this.#ids.size <= MOST) break;
      this.#ids.delete(oldest);
    }
  }

  /** Who is to look at a container when it was opened. Returns the way to stop that. */
  onOpened(look: (id: string) => void): () => void {
    this.#look = look;
    return () => {
      if (this.#look === look) this.#look = undefined;
    };
  }
}
