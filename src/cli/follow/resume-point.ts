interface Line {
  readonly service: string;
  readonly stream: string;
  readonly text: string;
  /** RFC 3339, in milliseconds. */
  readonly at: string;
}

/** Milliseconds before the newest line within which lines of other containers may still have been on their way. */
const SLACK_MS = 30_000;
/** Lines that are remembered at most. */
const MOST = 20_000;

/**
 * Remembers the last lines of a log, so that it can be asked for again from a little earlier and goes on where it was: what had come is left
 * out, as often as it had come.
 */
export class ResumePoint {
  #recent: Line[] = [];
  #newest = "";
  #pending = new Map<string, number>();
  /** When the first line of a service was printed that was shown: those before it were not asked for. */
  readonly #first = new Map<string, string>();
  #resumed = false;

  /** Where the log is to be asked for again; undefined: nothing has come. */
  get since(): string | undefined {
    if (this.#newest === "") return undefined;
    const oldest = this.#recent.length < MOST ? "" : (this.#recent[0]?.at ?? "");
    const slack = new Date(Date.parse(this.#newest) - SLACK_MS).toISOString();
    return [oldest, slack].sort().at(-1);
  }

  /** From now on the log comes from `since` again. */
  again(): void {
    this.#resumed = true;
    this.#pending = new Map();
    for (const line of this.#recent)
      this.#pending.set(keyOf(line), (this.#pending.get(keyOf(line)) ?? 0) + 1);
  }

  /** Whether a line is new. */
  take(line: Line): boolean {
    const first = this.#first.get(line.service);
    if (this.#resumed && first !== undefined && line.at < first) return false;
    const key = keyOf(line);
    const had = this.#pending.get(key) ?? 0;
    if (had > 0) {
      if (had === 1) this.#pending.delete(key);
      else this.#pending.set(key, had - 1);
      return false;
    }
    if (line.at > this.#newest) this.#newest = line.at;
    if (first === undefined || line.at < first) this.#first.set(line.service, line.at);
    this.#recent.push(line);
    // Now and then, so that each line costs little.
    if (this.#recent.length >= 2 * MOST) this.#recent = this.#recent.slice(-MOST);
    return true;
  }
}

const keyOf = ({ service, stream, text, at }: Line) => JSON.stringify([service, stream, at, text]);
