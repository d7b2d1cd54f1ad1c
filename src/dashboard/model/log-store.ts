import { Column } from "./column.js";

/** One line, as it is shown. */
export interface StoredLine {
  /** Number that `LogStore.step` has given. */
  readonly step: number;
  readonly stderr: boolean;
  readonly text: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** The lines of one place (a step, a service, all), by their numbers in the store. */
export interface LineList {
  readonly length: number;
  at(index: number): number;
}

// A line is found by one 32-bit number: 14 bits of a chunk's number and 18 bits of the place in it.
const chunkBits = 18;
const chunkSize = 1 << chunkBits;
const mostChunks = 1 << 14;
/** Characters; in UTF-8 it fits into a chunk whatever they are. Builds cut their lines at the same length. */
const longestLine = 65_536;

export interface LogLimits {
  /** Default 3,000,000. */
  readonly lines: number;
}

/**
 * What builds have printed, kept as UTF-8 in chunks with four numbers beside each line: a million lines take about their own bytes and
 * 20 MB, and none of them is an object that the garbage collector looks at. Lines are only added.
 */
export class LogStore {
  readonly #limits: LogLimits;
  readonly #encoder = new TextEncoder();
  readonly #decoder = new TextDecoder();
  readonly #chunks: Uint8Array[] = [];
  readonly #address = new Column();
  readonly #bytes = new Column();
  readonly #origin = new Column();
  readonly #time = new Column();
  readonly #lists: Column[] = [];
  #used = chunkSize;
  #first: number | undefined;
  #dropped = 0;

  constructor(limits: Partial<LogLimits> = {}) {
    this.#limits = { lines: 3_000_000, ...limits };
  }

  get length(): number {
    return this.#address.length;
  }

  /** Lines that there was no more room for. */
  get dropped(): number {
    return this.#dropped;
  }

  /** A new list; lines are added to as many as are named. Returns its number. */
  list(): number {
    return this.#lists.push(new Column()) - 1;
  }

  lines(list: number | undefined): LineList {
    return (list === undefined ? undefined : this.#lists[list]) ?? nothing;
  }

  /** Every line, in the order of arrival. */
  all(): LineList {
    return { length: this.length, at: (index) => index };
  }

  /** `lists`: numbers of lists that it belongs to; the first one is told as its `step`. */
  append(lists: readonly number[], line: { text: string; stderr: boolean; at: number }): void {
    if (this.length >= this.#limits.lines || this.#chunks.length >= mostChunks) {
      this.#dropped += 1;
      return;
    }
    const number = this.length;
    this.#first ??= line.at;
    const { address, bytes } = this.#write(line.text);
    this.#address.push(address);
    this.#bytes.push(bytes);
    this.#origin.push(((lists[0] ?? 0) << 1) | (line.stderr ? 1 : 0));
    this.#time.push(Math.max(0, line.at - this.#first));
    for (const list of lists) this.#lists[list]?.push(number);
  }

  text(line: number): string {
    const address = this.#address.at(line);
    const from = address & (chunkSize - 1);
    const chunk = this.#chunks[address >>> chunkBits];
    return chunk ? this.#decoder.decode(chunk.subarray(from, from + this.#bytes.at(line))) : "";
  }

  line(line: number): StoredLine {
    const origin = this.#origin.at(line);
    return {
      step: origin >>> 1,
      stderr: (origin & 1) === 1,
      text: this.text(line),
      at: (this.#first ?? 0) + this.#time.at(line),
    };
  }

  #write(text: string): { address: number; bytes: number } {
    const cut = text.length > longestLine ? text.slice(0, longestLine) : text;
    if (this.#used + cut.length * 3 > chunkSize) {
      this.#chunks.push(new Uint8Array(chunkSize));
      this.#used = 0;
    }
    const number = this.#chunks.length - 1;
    const chunk = this.#chunks[number];
    const from = this.#used;
    const { written } = chunk ? this.#encoder.encodeInto(cut, chunk.subarray(from)) : { written: 0 };
    this.#used += written;
    return { address: ((number << chunkBits) | from) >>> 0, bytes: written };
  }
}

const nothing: LineList = { length: 0, at: () => 0 };
