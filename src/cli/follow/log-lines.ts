import { safeLine, safeName } from "../../buildkit/index.js";
import { safeJson } from "../safe-json.js";
import { painted } from "../table.js";

export interface LogLine {
  readonly service: string | null;
  readonly text: string;
  readonly at: string;
  readonly [more: string]: unknown;
}

/** Makes lines of what builds have printed, with the service in front where there is more than one. */
export class LogLines {
  readonly #service: string | undefined;
  readonly #json: boolean;
  readonly #color: boolean;
  #widest = 0;

  constructor(options: {
    /** The only one that is wanted. */
    readonly service: string | undefined;
    readonly json: boolean;
    readonly color: boolean;
  }) {
    this.#service = options.service;
    this.#json = options.json;
    this.#color = options.color;
  }

  /** With its line end; empty for a line that is not wanted. */
  format(line: LogLine): string {
    if (this.#service !== undefined && line.service !== this.#service) return "";
    if (this.#json) return `${safeJson(line)}\n`;
    const text = safeLine(line.text, this.#color);
    if (line.service === null || this.#service !== undefined) return `${text}\n`;
    const name = safeName(line.service, 64);
    this.#widest = Math.max(this.#widest, name.length);
    return `${painted(name.padEnd(this.#widest), "quiet", this.#color)} | ${text}\n`;
  }
}
