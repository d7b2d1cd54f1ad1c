/** What a container of a public service has received so far. */
export interface Received {
  readonly container: string;
  readonly environment: string;
  /** Bytes since it was started; undefined where the engine does not count. */
  readonly bytes: number | undefined;
}

/** Bytes: less is the network talking to itself (neighbours that are looked for, connections kept open). The smallest request has more. */
const floor = 300;
/** Milliseconds over which they are counted together. */
const windowMs = 45_000;

/** Which environments were asked for something, by the counters of their public containers' network interfaces. */
export class Traffic {
  readonly #before = new Map<string, { readonly bytes: number; readonly at: number }>();
  readonly #active = new Set<string>();

  /** A new look at all that run. `now`: milliseconds. Returns what was asked for something and has not been told. */
  take(seen: readonly Received[], now: number): string[] {
    const there = new Set(seen.map(({ container }) => container));
    for (const container of [...this.#before.keys()])
      if (!there.has(container)) this.#before.delete(container);
    for (const { container, environment, bytes } of seen) {
      // What cannot be counted must not be taken for idle.
      if (bytes === undefined) {
        this.#active.add(environment);
        continue;
      }
      const before = this.#before.get(container);
      // Started again, it counts from zero.
      const more = before === undefined ? 0 : bytes < before.bytes ? bytes : bytes - before.bytes;
      if (more > floor) this.#active.add(environment);
      if (before === undefined || more > floor || now - before.at >= windowMs)
        this.#before.set(container, { bytes, at: now });
    }
    return [...this.#active];
  }

  told(environments: readonly string[]): void {
    for (const environment of environments) this.#active.delete(environment);
  }
}
