import type { StepSourceMap } from "../solve/types.js";
import { renderFailure } from "./failure-block.js";
import { formatDuration, formatSent } from "./format.js";
import { BuildProgress } from "./model.js";
import { PacedWriter } from "./paced-writer.js";
import { type Palette, painter } from "./palette.js";
import { PlainStep } from "./plain-step.js";
import { nextTurn } from "./plain-turns.js";
import type { BuildOutcome, Clock, ProgressOutput, ProgressRenderer } from "./renderer.js";
import type { Step } from "./step.js";
import { safeName } from "./terminal-text.js";
import type { SolveStatus } from "./types.js";
import { warningBlock } from "./warning-block.js";

export interface PlainOptions {
  readonly output: ProgressOutput;
  readonly clock: Clock;
  /** Keeps the colours of what steps print; what is ours has none but in the failure. */
  readonly color: boolean;
  readonly palette?: Palette | undefined;
}

const flushEvery = 100;
const flushSize = 256 * 1024;
/** A line without an end, such as `compiling... `, is shown after this time. Milliseconds. */
const partialAfter = 1000;

/** Lines of a step that was never reported to have started have no place to be printed. Characters kept of them. */
const mostUnprinted = 4 * 1024 * 1024;

interface Build {
  readonly name: string | undefined;
  readonly progress: BuildProgress;
}

/**
 * Line by line, in the form of BuildKit's plain output, for pipes, files and CI logs. Written in batches, ten a second.
 * When the reader is slow, `update` says when to go on. Of a caller that does not wait for it up to 8 MiB are kept; then log
 * lines are left out, and a line says how many.
 */
export class PlainRenderer implements ProgressRenderer {
  readonly #options: PlainOptions;
  readonly #writer: PacedWriter;
  readonly #stop: () => void;
  readonly #builds = new Map<string | undefined, Build>();
  readonly #steps = new Map<Step, PlainStep>();
  readonly #touched = new Set<PlainStep>();
  #current: PlainStep | undefined;
  #open: { readonly step: PlainStep; readonly shown: string } | undefined;
  #numbers = 0;
  #anything = false;
  #flushed = 0;
  #out: string[] = [];

  constructor(options: PlainOptions) {
    this.#options = options;
    this.#writer = new PacedWriter(options.output);
    this.#stop = options.clock.every(150, () => this.#tick());
  }

  start(build: string | undefined): void {
    this.#build(build);
  }

  sourceMap(_build: string | undefined, _map: StepSourceMap): void {}

  warn(build: string | undefined, text: string): void {
    this.note(build, `WARN: ${text}`);
  }

  note(build: string | undefined, text: string): void {
    this.#flush();
    this.#block([build === undefined ? safeName(text) : `[${safeName(build)}] ${safeName(text)}`]);
    this.#write();
  }

  update(name: string | undefined, status: SolveStatus): Promise<void> | undefined {
    const now = this.#options.clock.now();
    const build = this.#build(name);
    const change = build.progress.apply(status, now);
    for (const step of change.steps) if (step.order !== -1) this.#touch(build, step, now);
    for (const transfer of change.transfers) this.#touchId(build, transfer.step, now)?.addTransfer(transfer);
    for (const warning of change.warnings)
      this.#touchId(build, warning.vertex, now)?.addText(`WARN: ${safeName(warning.short)}`);
    let pending = 0;
    let step: PlainStep | undefined;
    for (const line of change.lines) {
      if (step?.step.id !== line.step) step = this.#touchId(build, line.step, now);
      if (step === undefined) continue;
      if (this.#writer.congested || step.size > mostUnprinted) step.leaveOut();
      else step.addLine(line);
      pending = step.size;
    }
    if (now - this.#flushed >= flushEvery || pending > flushSize) this.#flush();
    return this.#writer.drained();
  }

  finish(name: string | undefined, outcome: BuildOutcome): void {
    const build = this.#build(name);
    const now = this.#options.clock.now();
    const ended = outcome.kind === "reused" ? "built" : outcome.kind;
    for (const step of build.progress.end(ended, now)) this.#touch(build, step, now);
    this.#flush();
    const paint = painter(this.#options.color, this.#options.palette);
    const warnings = warningBlock(build.progress.warnings, paint, this.#options.output.columns ?? 120);
    if (warnings.length > 0) this.#block(warnings);
    if (outcome.kind === "failed") {
      const step = build.progress.step(outcome.error.failure?.vertex ?? "");
      const block = renderFailure(outcome.error, {
        color: this.#options.color,
        palette: this.#options.palette,
        columns: this.#options.output.columns ?? 120,
        build: build.name,
        ...(step
          ? { ranFor: build.progress.duration(step, now), logTail: step.log.tail(20).map(({ text }) => text) }
          : {}),
      });
      this.#block(block.trimEnd().split("\n"));
    } else if (build.name !== undefined) {
      const { total, cached } = build.progress.summary();
      const sent = outcome.kind === "built" && outcome.sent ? `, ${formatSent(outcome.sent)} sent` : "";
      const words = {
        built: `built in ${formatDuration(build.progress.elapsed(now))}, ${cached} of ${total} steps cached${sent}`,
        reused: "same inputs as before: reused, not built",
        cancelled: "cancelled",
      };
      this.#block([`[${safeName(build.name)}] ${words[outcome.kind]}`]);
    }
    this.#write();
  }

  close(signal?: AbortSignal): Promise<void> {
    this.#stop();
    this.#flush();
    return this.#writer.close(signal);
  }

  #build(name: string | undefined): Build {
    let build = this.#builds.get(name);
    if (build === undefined) {
      build = { name, progress: new BuildProgress() };
      this.#builds.set(name, build);
    }
    return build;
  }

  #touchId(build: Build, id: string, now: number): PlainStep | undefined {
    const step = build.progress.step(id);
    return step && this.#touch(build, step, now);
  }

  #touch(build: Build, step: Step, now: number): PlainStep {
    let plain = this.#steps.get(step);
    if (plain === undefined) {
      plain = new PlainStep(step, build.name, this.#options.color);
      this.#steps.set(step, plain);
    }
    plain.touch(now);
    this.#touched.add(plain);
    return plain;
  }

  #tick(): void {
    this.#flush();
    if (this.#current?.running && this.#open === undefined) this.#showPartial(this.#current);
    this.#write();
  }

  #flush(): void {
    this.#flushed = this.#options.clock.now();
    const shown = [...this.#touched].filter(({ step }) => !step.hidden && step.name !== "");
    const over = shown.filter((step) => !step.running && step.step.state !== "waiting");
    const end = (step: PlainStep) => step.step.intervals.at(-1)?.stop ?? 0;
    for (const step of over.sort(
      (a, b) => Number(b === this.#current) - Number(a === this.#current) || end(a) - end(b),
    )) {
      this.#print(step);
    }
    const running = shown.filter((step) => step.running);
    const current = this.#current?.running ? this.#current : undefined;
    if (current && running.includes(current)) this.#print(current);
    const next = nextTurn(running, current, this.#flushed);
    if (next) this.#print(next);
    else if (this.#current === undefined) this.#showRunning();
    this.#write();
  }

  // Nothing has anything to say: the reader should still see what is being waited for.
  #showRunning(): void {
    const running = [...this.#steps.values()].find(
      ({ running, step }) => running && !step.hidden && step.name !== "",
    );
    if (running) this.#print(running);
  }

  #print(plain: PlainStep): void {
    const { step } = plain;
    const over = !plain.running && !plain.transferring;
    if (over) for (const line of step.log.flush()) plain.addLine(line);
    const end = over ? this.#end(plain) : "";
    this.#touched.delete(plain);
    plain.touched = false;
    if (over && end.replace(/ [\d.]+s$/, "") === plain.reported && !plain.hasLines) return;
    this.#head(plain);
    for (const line of plain.take(over || !this.#writer.congested)) this.#line(plain, line);
    if (!over) return;
    this.#closeLine();
    this.#out.push(`#${plain.index} ${end}\n`);
    plain.reported = end.replace(/ [\d.]+s$/, "");
    plain.updates = 0;
    this.#current = undefined;
  }

  #end({ step }: PlainStep): string {
    switch (step.state) {
      case "failed":
        return `ERROR: ${safeName(step.error ?? "", 16_384)}`;
      case "cancelled":
        return "CANCELED";
      case "cached":
        return "CACHED";
      default:
        return `DONE ${(step.duration(0) / 1000).toFixed(1)}s`;
    }
  }

  #head(plain: PlainStep): void {
    if (plain.index === 0) {
      this.#numbers += 1;
      plain.index = this.#numbers;
    }
    if (this.#current === plain) return;
    this.#leave();
    if (this.#anything) this.#out.push("\n");
    this.#anything = true;
    this.#out.push(`#${plain.index} ${plain.title}\n`);
    this.#current = plain;
    if (plain.updates === 0) plain.waitingSince = this.#flushed;
  }

  // The block of a step that goes on later is closed with an ellipsis.
  #leave(): void {
    this.#closeLine();
    if (this.#current === undefined) return;
    this.#out.push(`#${this.#current.index} ...\n`);
    this.#current.updates = 0;
    this.#current = undefined;
  }

  #block(lines: readonly string[]): void {
    this.#leave();
    if (this.#anything) this.#out.push("\n");
    this.#anything = true;
    for (const line of lines) this.#out.push(`${line}\n`);
  }

  #line(plain: PlainStep, text: string): void {
    const open = this.#open;
    this.#open = undefined;
    if (open?.step === plain && text.startsWith(open.shown))
      this.#out.push(`${text.slice(open.shown.length)}\n`);
    else this.#out.push(`${open ? "\n" : ""}#${plain.index} ${text}\n`);
  }

  #closeLine(): void {
    if (this.#open) this.#out.push("\n");
    this.#open = undefined;
  }

  #showPartial(plain: PlainStep): void {
    const partial = plain.step.log.partial()[0];
    const build = [...this.#builds.values()].find(
      ({ progress }) => progress.step(plain.step.id) === plain.step,
    );
    if (
      partial === undefined ||
      build === undefined ||
      partial.text.includes("\r") ||
      partial.text.includes("\u001b")
    )
      return;
    if (this.#flushed - build.progress.skew - partial.at < partialAfter) return;
    plain.addLine(partial);
    const [shown = ""] = plain.take();
    this.#out.push(`#${plain.index} ${shown}`);
    this.#open = { step: plain, shown };
  }

  #write(): void {
    if (this.#out.length === 0) return;
    const text = this.#out.join("");
    this.#out = [];
    this.#writer.write(text);
  }
}
