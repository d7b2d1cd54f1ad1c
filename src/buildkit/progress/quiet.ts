import { renderFailure } from "./failure-block.js";
import { BuildProgress } from "./model.js";
import { PacedWriter } from "./paced-writer.js";
import type { PlainOptions } from "./plain.js";
import type { BuildOutcome, ProgressRenderer } from "./renderer.js";
import type { SolveStatus } from "./types.js";

/** Shows nothing but failures. The image id is the caller's to print, as it belongs on another stream. */
export class QuietRenderer implements ProgressRenderer {
  readonly #options: PlainOptions;
  readonly #writer: PacedWriter;
  readonly #builds = new Map<string | undefined, BuildProgress>();

  constructor(options: PlainOptions) {
    this.#options = options;
    this.#writer = new PacedWriter(options.output);
  }

  start(): void {}

  sourceMap(): void {}

  note(): void {}

  warn(): void {}

  update(build: string | undefined, status: SolveStatus): undefined {
    let progress = this.#builds.get(build);
    if (progress === undefined) {
      progress = new BuildProgress({ lines: 20 });
      this.#builds.set(build, progress);
    }
    progress.apply(status, this.#options.clock.now());
  }

  finish(build: string | undefined, outcome: BuildOutcome): void {
    const step =
      outcome.kind === "failed"
        ? this.#builds.get(build)?.step(outcome.error.failure?.vertex ?? "")
        : undefined;
    if (outcome.kind === "failed") {
      this.#writer.write(
        renderFailure(outcome.error, {
          color: this.#options.color,
          palette: this.#options.palette,
          columns: this.#options.output.columns,
          build,
          logTail: step?.log.tail(20).map(({ text }) => text),
        }),
      );
    }
    this.#builds.delete(build);
  }

  close(signal?: AbortSignal): Promise<void> {
    return this.#writer.close(signal);
  }
}
