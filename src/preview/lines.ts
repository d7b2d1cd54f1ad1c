import type { LogChunk } from "../docker/index.js";

export interface LogLine {
  readonly stream: "stdout" | "stderr";
  /** RFC 3339 with milliseconds, by the engine's clock. */
  readonly at: string;
  /** Without the end of the line. */
  readonly text: string;
}

/** Characters of a line that are kept: a program that never ends its line must not fill the memory. */
const MAX_LINE = 16_384;

/** Puts together the lines of a container's log that was asked for with times. */
export class LogLines {
  readonly #unended = { 1: "", 2: "" };
  readonly #decoders = { 1: new TextDecoder(), 2: new TextDecoder() };

  *push({ stream, data }: LogChunk): Generator<LogLine> {
    const parts = (this.#unended[stream] + this.#decoders[stream].decode(data, { stream: true })).split("\n");
    const rest = parts.pop() ?? "";
    // The time in front of it, and as much as a line may have.
    this.#unended[stream] = rest.slice(0, MAX_LINE + 64);
    for (const part of parts) yield lineOf(stream, part);
  }

  /** What came last without the end of its line. */
  *end(): Generator<LogLine> {
    for (const stream of [1, 2] as const)
      if (this.#unended[stream] !== "") yield lineOf(stream, this.#unended[stream]);
  }
}

function lineOf(stream: 1 | 2, line: string): LogLine {
  const [, time = "", text = ""] = /^(\S+) ?(.*)$/s.exec(line.replace(/\r$/, "")) ?? [];
  const at = new Date(time);
  const known = !Number.isNaN(at.getTime());
  return {
    stream: stream === 2 ? "stderr" : "stdout",
    at: (known ? at : new Date(0)).toISOString(),
    text: (known ? text : line).slice(0, MAX_LINE),
  };
}
