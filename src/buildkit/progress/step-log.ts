import { StringDecoder } from "node:string_decoder";
import type { Instant } from "./time.js";
import type { Digest } from "./types.js";

/** One line that a step printed, as it came: no line end, but possibly colours, carriage returns and worse. */
export interface LogLine {
  readonly step: Digest;
  /** 1 stdout, 2 stderr. */
  readonly stream: number;
  readonly text: string;
  readonly at: Instant;
  /** Set on the daemon's own line that says the rest is missing: the limit that was reached, for example `200KiB/s`. */
  readonly clipped?: string;
}

export interface LogLimits {
  /** Lines kept of each step. Default 1,000. */
  readonly lines: number;
  /** Characters kept of each step. Default 262,144: what BuildKit itself keeps of a failing step. */
  readonly characters: number;
}

export const defaultLogLimits: LogLimits = { lines: 1000, characters: 256 * 1024 };

// BuildKit cuts a stream at 200 KiB/s or 2 MiB and says so in a line of that same stream (util/progress/logs).
const clipMarker = /^\[output clipped, log limit ([^\]]{1,40}) reached\]$/;
/** A line that never ends is passed on in pieces of this size, so that it cannot fill the memory. Characters. */
const longestLine = 64 * 1024;
const streamsPerStep = 8;

interface OpenLine {
  readonly decoder: StringDecoder;
  text: string;
  at: Instant;
}

/** The end of what one step printed, joined to lines per stream. Memory is bounded; what is dropped is still counted. */
export class StepLog {
  readonly #step: Digest;
  readonly #limits: LogLimits;
  readonly #open = new Map<number, OpenLine>();
  #kept: LogLine[] = [];
  #first = 0;
  #characters = 0;
  #lines = 0;
  #bytes = 0;
  #clipped: string | undefined;

  constructor(step: Digest, limits: LogLimits) {
    this.#step = step;
    this.#limits = limits;
  }

  /** Complete lines so far, dropped ones included. */
  get lines(): number {
    return this.#lines;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The limit at which the daemon began to drop output; undefined while everything came through. */
  get clipped(): string | undefined {
    return this.#clipped;
  }

  /** Takes a chunk, returns the lines that it completed. */
  append(stream: number, chunk: Uint8Array, at: Instant): LogLine[] {
    const open = this.#stream(stream);
    if (open === undefined) return [];
    this.#bytes += chunk.byteLength;
    const text = open.decoder.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    const completed: LogLine[] = [];
    let from = 0;
    for (let to = text.indexOf("\n"); to !== -1; to = text.indexOf("\n", from)) {
      const line = open.text === "" ? text.slice(from, to) : open.text + text.slice(from, to);
      completed.push(
        this.#keep(stream, line.endsWith("\r") ? line.slice(0, -1) : line, open.text === "" ? at : open.at),
      );
      open.text = "";
      from = to + 1;
    }
    if (from < text.length) {
      if (open.text === "") open.at = at;
      open.text += text.slice(from);
      while (open.text.length > longestLine) {
        completed.push(this.#keep(stream, open.text.slice(0, longestLine), open.at));
        open.text = open.text.slice(longestLine);
      }
    }
    return completed;
  }

  /** Ends the lines that have no line end yet, because the step is over, and returns them. */
  flush(): LogLine[] {
    const completed: LogLine[] = [];
    for (const [stream, open] of this.#open) {
      const text = open.text + open.decoder.end();
      open.text = "";
      if (text !== "") completed.push(this.#keep(stream, text, open.at));
    }
    return completed;
  }

  /** The lines that have no line end yet, one for each stream. */
  partial(): LogLine[] {
    return [...this.#open]
      .filter(([, open]) => open.text !== "")
      .map(([stream, open]) => ({ step: this.#step, stream, text: open.text, at: open.at }));
  }

  /** The last lines, unfinished ones included, oldest first. */
  tail(count: number): LogLine[] {
    if (count <= 0) return [];
    const partial = this.partial();
    const complete = Math.max(0, count - partial.length);
    const from = Math.max(this.#first, this.#kept.length - complete);
    return [...this.#kept.slice(from), ...partial.slice(-count)];
  }

  #stream(stream: number): OpenLine | undefined {
    let open = this.#open.get(stream);
    if (open === undefined && this.#open.size < streamsPerStep) {
      open = { decoder: new StringDecoder("utf8"), text: "", at: 0 };
      this.#open.set(stream, open);
    }
    return open;
  }

  #keep(stream: number, text: string, at: Instant): LogLine {
    const clipped = text.charCodeAt(0) === 0x5b ? clipMarker.exec(text)?.[1] : undefined;
    const line: LogLine = {
      step: this.#step,
      stream,
      text,
      at,
      ...(clipped === undefined ? {} : { clipped }),
    };
    if (clipped !== undefined) this.#clipped = clipped;
    this.#lines += 1;
    this.#kept.push(line);
    this.#characters += text.length;
    while (
      this.#kept.length - this.#first > 1 &&
      (this.#kept.length - this.#first > this.#limits.lines || this.#characters > this.#limits.characters)
    ) {
      this.#characters -= this.#kept[this.#first]?.text.length ?? 0;
      this.#first += 1;
    }
    // Moving the rest to the front once per `lines` evictions keeps the cost of a line constant.
    if (this.#first > this.#limits.lines) {
      this.#kept = this.#kept.slice(this.#first);
      this.#first = 0;
    }
    return line;
  }
}
