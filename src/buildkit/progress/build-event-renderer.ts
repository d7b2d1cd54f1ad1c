import type { StepSourceMap } from "../solve/types.js";
import type { BuildEvent } from "./build-event.js";
import { BuildEvents } from "./build-events.js";
import { PacedWriter } from "./paced-writer.js";
import type { BuildOutcome, Clock, ProgressOutput, ProgressRenderer } from "./renderer.js";
import type { SolveStatus } from "./types.js";

/** Puts an event into the envelope of whoever publishes it. Called once for each event, in order. */
export type WrapEvent = (event: BuildEvent, build: string | undefined) => object;

/**
 * One event per line. When the reader is slow, `update` says when to go on. Of a caller that does not wait for it up to 8 MiB
 * are kept; then log lines are left out, and a line of each step says so. Other events are never left out (short of 32 MiB of them unread), so that numbers in the envelope have no gaps.
 */
export class BuildEventRenderer implements ProgressRenderer {
  readonly #clock: Clock;
  readonly #writer: PacedWriter;
  readonly #wrap: WrapEvent;
  readonly #builds = new Map<string | undefined, BuildEvents>();

  constructor(options: {
    readonly output: ProgressOutput;
    readonly clock: Clock;
    readonly wrap?: WrapEvent | undefined;
  }) {
    this.#clock = options.clock;
    this.#writer = new PacedWriter(options.output);
    this.#wrap = options.wrap ?? ((event, build) => (build === undefined ? event : { build, ...event }));
  }

  start(build: string | undefined): void {
    this.#events(build);
  }

  update(build: string | undefined, status: SolveStatus): Promise<void> | undefined {
    const events = this.#events(build);
    this.#write(build, events.update(status, this.#clock.now(), !this.#writer.congested));
    return this.#writer.drained();
  }

  sourceMap(build: string | undefined, map: StepSourceMap): void {
    this.#write(build, this.#events(build).sourceMap(map));
  }

  note(build: string | undefined, text: string): void {
    this.#write(build, this.#events(build).note(text));
  }

  warn(build: string | undefined, text: string): void {
    this.#write(build, this.#events(build).warn(text));
  }

  finish(build: string | undefined, outcome: BuildOutcome): void {
    this.#write(build, this.#events(build).finish(outcome, this.#clock.now()));
  }

  close(signal?: AbortSignal): Promise<void> {
    return this.#writer.close(signal);
  }

  #events(build: string | undefined): BuildEvents {
    let events = this.#builds.get(build);
    if (events === undefined) {
      events = new BuildEvents();
      this.#builds.set(build, events);
      this.#write(build, events.start());
    }
    return events;
  }

  #write(build: string | undefined, events: readonly BuildEvent[]): void {
    for (const event of events) this.#writer.write(`${JSON.stringify(this.#wrap(event, build))}\n`);
  }
}
