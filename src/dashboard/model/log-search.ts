import { Column } from "./column.js";
import { plainText } from "./log-line.js";
import type { LineList, LogStore } from "./log-store.js";

/** Lines between two looks at the clock. */
const stride = 256;

/** Looks for a text through lines that are being added to, a slice of time after the other. */
export class LogSearch {
  readonly #store: LogStore;
  readonly #needle: string;
  readonly #matches = new Column();
  #scanned = 0;

  constructor(store: LogStore, needle: string) {
    this.#store = store;
    this.#needle = needle.toLowerCase();
  }

  /** Places within the list, in its order. */
  get matches(): Column {
    return this.#matches;
  }

  /** Looks on for so many milliseconds; true when it has seen everything that is there now. */
  advance(list: LineList, milliseconds: number, clock: () => number = () => performance.now()): boolean {
    const until = clock() + milliseconds;
    while (this.#scanned < list.length) {
      const end = Math.min(list.length, this.#scanned + stride);
      for (; this.#scanned < end; this.#scanned += 1) {
        const text = plainText(this.#store.text(list.at(this.#scanned)));
        if (text.toLowerCase().includes(this.#needle)) this.#matches.push(this.#scanned);
      }
      if (clock() >= until) break;
    }
    return this.#scanned >= list.length;
  }

  /** Number of the match to go to from a place, forwards or backwards, round the ends; -1 where there is none. */
  from(place: number, by: 1 | -1): number {
    const { length } = this.#matches;
    if (length === 0) return -1;
    // The first match that is not before the place, by halves.
    let [low, high] = [0, length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#matches.at(middle) < place) low = middle + 1;
      else high = middle;
    }
    if (by === -1) return (low - 1 + length) % length;
    const past = low < length && this.#matches.at(low) === place ? low + 1 : low;
    return past % length;
  }
}
