/** Long enough for the services of a commit, which are built at the same time; whoever prunes an engine meanwhile has a cold cache. */
const heldMs = 20_000;

/** Cache mounts that were found in the engine, or filled, a moment ago: builds beside each other want the same ones, and need not ask again. */
export class SeenMounts {
  readonly #now: () => number;
  readonly #seen = new Map<string, Map<string, number>>();

  /** @param now milliseconds since 1970 */
  constructor(now: () => number) {
    this.#now = now;
  }

  add(namespace: string, id: string): void {
    const known = this.#seen.get(namespace) ?? new Map<string, number>();
    this.#seen.set(namespace, known.set(id, this.#now()));
  }

  has(namespace: string, id: string): boolean {
    const at = this.#seen.get(namespace)?.get(id);
    const ago = at === undefined ? Number.POSITIVE_INFINITY : this.#now() - at;
    return ago >= 0 && ago < heldMs;
  }

  /** Nothing of it is built any more. */
  forget(namespace: string): void {
    this.#seen.delete(namespace);
  }
}
