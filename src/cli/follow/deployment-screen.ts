import {
  type Clock,
  createRenderer,
  type ProgressOutput,
  type ProgressRenderer,
  type ProgressSettings,
  safeName,
} from "../../buildkit/index.js";
import { safeJson } from "../safe-json.js";
import { DeploymentServices } from "./deployment-services.js";
import { EventClock } from "./event-clock.js";

export interface ScreenOptions {
  readonly settings: ProgressSettings;
  readonly output: ProgressOutput;
  readonly clock: Clock;
  /** As the renderer on a terminal has it. */
  readonly onExit?: (restore: () => void) => () => void;
  /** Nobody waits any longer for an output that takes nothing. */
  readonly signal: AbortSignal;
}

type Event = { readonly [field: string]: unknown };

/**
 * Shows a deployment that happens elsewhere, from its events in their order: its builds with the renderers of `galley build`, and
 * what is done before and after them. On a terminal the lines before the builds are plain ones, then the picture is all there is.
 */
export class DeploymentScreen {
  readonly #options: ScreenOptions;
  readonly #clock: EventClock;
  readonly #services: DeploymentServices;
  #renderer: ProgressRenderer | undefined;
  #attempt = 0;
  #failureShown = false;

  constructor(options: ScreenOptions) {
    this.#options = options;
    this.#clock = new EventClock(options.clock);
    const picture = options.settings.mode === "tty";
    this.#services = new DeploymentServices({ renderer: () => this.#render(), picture });
  }

  /** A failed build was shown, with all that there is to say about it. */
  get failureShown(): boolean {
    return this.#failureShown;
  }

  async show(event: Event): Promise<void> {
    const { mode } = this.#options.settings;
    if (mode === "json") return this.#writeWhole(`${safeJson(event)}\n`);
    if (typeof event.attempt === "number" && event.attempt > this.#attempt) await this.#begin(event.attempt);
    this.#clock.show(event.at);
    const build = this.#services.show(event);
    if (!build) this.#showDeploymentEvent(event);
    else if (build.type === "build.finished" && build.outcome === "failed" && mode !== "rawjson")
      this.#failureShown = true;
  }

  /** A line about the deployment as a whole. */
  line(text: string): void {
    const { settings, output } = this.#options;
    if (settings.mode === "tty") {
      if (this.#renderer === undefined) output.write(`${safeName(text)}\n`);
    } else if (settings.mode === "plain") this.#render().note(undefined, text);
  }

  /** Something that is so now for all of it: a line, or on a terminal a word beside every build that goes on. */
  announce(text: string): void {
    if (this.#options.settings.mode !== "tty" || this.#renderer === undefined) this.line(text);
    else this.#services.announce(text);
  }

  /** Nothing more will be shown. */
  async close(): Promise<void> {
    await this.#renderer?.close();
    this.#renderer = undefined;
  }

  // No line is left out for a slow reader: the events wait at the server.
  async #writeWhole(text: string): Promise<void> {
    const { output, signal } = this.#options;
    if (output.write(text) || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const go = () => {
        output.off("drain", go);
        signal.removeEventListener("abort", go);
        resolve();
      };
      output.on("drain", go);
      signal.addEventListener("abort", go);
    });
  }

  #showDeploymentEvent(event: Event): void {
    const text = (value: unknown) => (typeof value === "string" ? value : "");
    switch (event.type) {
      case "deployment.state":
        if (event.state !== "building" && event.state !== "claimed") this.line(text(event.state));
        break;
      case "deployment.source":
        this.line(`commit ${text(event.commit).slice(0, 12)} ${text(event.subject)} (${text(event.author)})`);
        break;
      case "deployment.note":
        this.line(text(event.text));
        break;
    }
  }

  #render(): ProgressRenderer {
    const { settings, output, onExit } = this.#options;
    this.#renderer ??= createRenderer({
      ...settings,
      output,
      clock: this.#clock,
      ...(onExit ? { onExit } : {}),
    });
    return this.#renderer;
  }

  // Another attempt builds the same services anew: what was shown of the one before it stays as it is.
  async #begin(attempt: number): Promise<void> {
    if (this.#attempt > 0) {
      await this.close();
      this.#services.forget();
      this.#failureShown = false;
      this.line(`attempt ${attempt}: the one before came to no end`);
    }
    this.#attempt = attempt;
  }
}
