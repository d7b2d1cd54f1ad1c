import { cellWidth, fitCells } from "./cell-width.js";
import { renderFailure } from "./failure-block.js";
import { BuildProgress } from "./model.js";
import { PacedWriter } from "./paced-writer.js";
import { type Paint, painter } from "./palette.js";
import type { PlainOptions } from "./plain.js";
import type { BuildOutcome, ProgressRenderer } from "./renderer.js";
import { safeName } from "./terminal-text.js";
import { type BuildView, frame } from "./tty-frame.js";
import type { SolveStatus } from "./types.js";
import { warningBlock } from "./warning-block.js";

export interface TtyOptions extends PlainOptions {
  /** Lines of a running step's log that are shown at most. Default 6. */
  readonly logRows?: number | undefined;
  /** Registers what must be written when the process ends without `close`; the answer takes it back. */
  readonly onExit?: ((restore: () => void) => () => void) | undefined;
}

const frameEvery = 100;
const failureLogLines = 200;
const narrow = 60;

// Cursor hidden; no wrapping, so that a character wider than we think spoils one row and not the frame; synchronized
// output (ignored where it is unknown), so that no half frame is ever seen.
const hide = "\u001b[?25l";
const show = "\u001b[?25h";
const noWrap = "\u001b[?7l";
const doWrap = "\u001b[?7h";
const begin = "\u001b[?2026h";
const commit = "\u001b[?2026l";
const eraseRight = "\u001b[K";
const eraseBelow = "\u001b[J";

/**
 * A live picture at the bottom of a terminal, drawn over ten times a second at most, one write each. When the terminal is
 * slow, pictures are skipped. After the last one come the warnings and, of a failed build, what the step printed.
 */
export class TtyRenderer implements ProgressRenderer {
  readonly #options: TtyOptions;
  readonly #writer: PacedWriter;
  readonly #paint: Paint;
  readonly #stop: () => void;
  readonly #forget: () => void;
  readonly #views = new Map<string | undefined, BuildView>();
  readonly #warned = new Set<string>();
  #drawn: readonly number[] = [];
  #last = "";
  #began: number | undefined;
  #hidden = false;
  #closed = false;

  constructor(options: TtyOptions) {
    this.#options = options;
    this.#writer = new PacedWriter(options.output);
    this.#paint = painter(options.color, options.palette);
    this.#stop = options.clock.every(frameEvery, () => this.#draw(false));
    this.#forget = options.onExit?.(() => options.output.write(this.#restored())) ?? (() => {});
    options.output.on("resize", this.#onResize);
  }

  start(build: string | undefined): void {
    this.#view(build);
  }

  sourceMap(): void {}

  note(build: string | undefined, text: string): void {
    this.#view(build).note = safeName(text, 100);
  }

  warn(build: string | undefined, text: string): void {
    this.#view(build);
    this.#warned.add(`${build === undefined ? "" : `${safeName(build)}: `}${safeName(text)}`);
  }

  update(build: string | undefined, status: SolveStatus): undefined {
    this.#view(build).progress.apply(status, this.#options.clock.now());
  }

  finish(build: string | undefined, outcome: BuildOutcome): void {
    const view = this.#view(build);
    view.outcome = outcome;
    view.progress.end(outcome.kind === "reused" ? "built" : outcome.kind, this.#options.clock.now());
  }

  close(signal?: AbortSignal): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#stop();
      this.#forget();
      this.#options.output.off("resize", this.#onResize);
      this.#draw(true);
    }
    return this.#writer.close(signal);
  }

  #view(name: string | undefined): BuildView {
    let view = this.#views.get(name);
    if (view === undefined) {
      view = {
        name,
        progress: new BuildProgress({ lines: failureLogLines }),
        outcome: undefined,
        note: undefined,
      };
      this.#views.set(name, view);
      this.#began ??= this.#options.clock.now();
    }
    return view;
  }

  // A terminal that became narrower has broken the rows of the last picture in two: they take more rows than were drawn.
  readonly #onResize = () => this.#draw(false, true);

  #draw(last: boolean, resized = false): void {
    if (this.#views.size === 0 || (this.#writer.blocked && !last)) return;
    const { output, clock, color, logRows = 6 } = this.#options;
    const columns = Math.max(2, output.columns || 80);
    const rows = Math.max(2, output.rows || 24);
    const now = clock.now();
    const rowsOfFrame = frame([...this.#views.values()], {
      style: { columns: columns - 1, paint: this.#paint, color },
      rows: last ? Number.MAX_SAFE_INTEGER : rows - 1,
      now,
      began: this.#began ?? now,
      logRows,
    });
    // Where not even the marks fit, the rows themselves are cut.
    const lines = rowsOfFrame.map((line) => (columns < narrow ? fitCells(line, columns - 1) : line));
    const picture = lines.join("\n");
    if (picture === this.#last && !resized && !last) return;
    this.#last = picture;
    const height = this.#drawn.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns)), 0);
    const up = Math.min(height, rows - 1);
    this.#drawn = lines.map(cellWidth);
    const body = lines.map((line) => `${line}${eraseRight}\r\n`).join("");
    const top = up > 0 ? `\r\u001b[${up}A` : "\r";
    const prefix = this.#hidden ? "" : hide;
    this.#hidden = true;
    const end = last ? `${commit}${this.#restored()}${this.#epilogue(columns)}` : commit;
    this.#writer.write(`${begin}${prefix}${noWrap}${top}${body}${eraseBelow}${doWrap}${end}`);
  }

  #restored(): string {
    const text = this.#hidden ? doWrap + show : "";
    this.#hidden = false;
    return text;
  }

  #epilogue(columns: number): string {
    const warned = [...this.#warned].map((text) => `${this.#paint("warning", "!")} ${text}`);
    const blocks = warned.length > 0 ? [warned.join("\n")] : [];
    for (const { name, progress, outcome } of this.#views.values()) {
      const warnings = warningBlock(progress.warnings, this.#paint, columns);
      if (warnings.length > 0)
        blocks.push([...(name === undefined ? [] : [safeName(name)]), ...warnings].join("\n"));
      if (outcome?.kind !== "failed") continue;
      const step = progress.step(outcome.error.failure?.vertex ?? "");
      const failure = renderFailure(outcome.error, {
        color: this.#options.color,
        palette: this.#options.palette,
        columns,
        build: name,
        logLines: failureLogLines,
        ...(step ? { ranFor: progress.duration(step, this.#options.clock.now()) } : {}),
        logTail: step?.log.tail(failureLogLines).map(({ text }) => text),
      });
      blocks.push(failure.trimEnd());
    }
    return blocks
      .map((block) => `\n${block}\n`)
      .join("")
      .replaceAll(/\r?\n/g, "\r\n");
  }
}
