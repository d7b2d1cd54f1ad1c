import { formatBytesPlain } from "./format.js";
import type { Step, Transfer } from "./step.js";
import type { LogLine } from "./step-log.js";
import { safeLine, safeName } from "./terminal-text.js";
import type { Instant } from "./time.js";

/** A transfer is mentioned again after this share of its size or this time, as BuildKit's plain output does. */
const mentionedShare = 0.05;
const mentionedAfter = 5000;

/** What is known in plain output of one step: its number and what of it has not been printed yet. */
export class PlainStep {
  readonly step: Step;
  /** Name with the build's in it, where there are several builds. */
  readonly build: string | undefined;
  /** The number after `#`; 0 until it is printed for the first time. */
  index = 0;
  /** True while something is to be printed or its state has changed. */
  touched = false;
  /** Our time since which it waits for its turn, and the updates since then: the busiest step gets the next one. */
  waitingSince: Instant = 0;
  updates = 0;
  /** The last printed end, so that a step that is resumed for nothing is not reported twice. */
  reported = "";
  readonly #color: boolean;
  readonly #mentioned = new Map<string, { readonly current: number; readonly at: Instant }>();
  readonly #transfers = new Map<string, Transfer>();
  #lines: string[] = [];
  #size = 0;
  #prefixAt: Instant | undefined;
  #prefix = "";
  #leftOut = 0;

  constructor(step: Step, build: string | undefined, color: boolean) {
    this.step = step;
    this.build = build;
    this.#color = color;
  }

  /** Characters that wait to be printed. */
  get size(): number {
    return this.#size;
  }

  get hasLines(): boolean {
    return this.#lines.length > 0 || this.#transfers.size > 0;
  }

  /** As buildx names the vertices of several targets: `[web internal] load build context`, `[web] exporting`. */
  get title(): string {
    const name = safeName(this.step.name);
    if (this.build === undefined) return name;
    const build = safeName(this.build);
    return name.startsWith("[") ? `[${build} ${name.slice(1)}` : `[${build}] ${name}`;
  }

  get running(): boolean {
    return this.step.state === "running";
  }

  touch(now: Instant): void {
    this.touched = true;
    if (this.updates === 0) this.waitingSince = now;
    this.updates += 1;
  }

  addLine(line: LogLine): void {
    this.#push(`${this.#seconds(line.at)} ${safeLine(line.text, this.#color)}`);
  }

  /** The reader is too slow: the line is lost, and the next one that is not says how many were. */
  leaveOut(): void {
    this.#leftOut += 1;
  }

  addText(text: string): void {
    this.#push(text);
  }

  addTransfer(transfer: Transfer): void {
    this.#transfers.set(transfer.id, transfer);
  }

  /** Everything that waits, each line without number and line end. What was left out is told when `told`. */
  take(told = true): string[] {
    const lines = [...this.#transferLines(), ...this.#lines];
    if (told && this.#leftOut > 0) {
      lines.push(`[output clipped, ${this.#leftOut} lines left out: the output is read too slowly]`);
      this.#leftOut = 0;
    }
    this.#lines = [];
    this.#size = 0;
    this.#transfers.clear();
    return lines;
  }

  /** Some transfer has not ended: BuildKit may report those of a step that has. */
  get transferring(): boolean {
    return this.step.transfers.some(({ completed }) => completed === undefined);
  }

  #push(line: string): void {
    this.#lines.push(line);
    this.#size += line.length;
  }

  // Seconds since the step (last) started, with about four digits. All lines of a chunk have one time.
  #seconds(at: Instant): string {
    if (at === this.#prefixAt) return this.#prefix;
    const seconds = Math.max(0, at - (this.step.intervals.at(-1)?.start ?? at)) / 1000;
    this.#prefixAt = at;
    this.#prefix = seconds.toFixed(seconds < 10 ? 3 : seconds < 100 ? 2 : 1);
    return this.#prefix;
  }

  *#transferLines(): Generator<string> {
    for (const transfer of this.#transfers.values()) {
      const { id, current, total, at = 0, started, completed } = transfer;
      if (started === undefined) continue;
      const before = this.#mentioned.get(id);
      if (before && completed === undefined) {
        const share = total > 0 ? (current - before.current) / total : 0;
        if (share < mentionedShare && at - before.at < mentionedAfter) continue;
      }
      this.#mentioned.set(id, { current, at });
      const bytes = total
        ? ` ${formatBytesPlain(current)} / ${formatBytesPlain(total)}`
        : current
          ? ` ${formatBytesPlain(current)}`
          : "";
      const seconds = ((completed ?? at) - started) / 1000;
      const time = seconds > 0.01 ? ` ${seconds.toFixed(1)}s` : "";
      yield `${safeName(id)}${bytes}${time}${completed === undefined ? "" : " done"}`;
    }
  }
}
