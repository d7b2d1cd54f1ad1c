import { BuildKitError, type BuildKitErrorCode, buildKitErrorCodes } from "../errors.js";
import type { BuildEvent, BuildFinished } from "./build-event.js";
import { EventStatuses } from "./event-statuses.js";
import type { BuildOutcome, ProgressRenderer } from "./renderer.js";
import { safeLine } from "./terminal-text.js";

/** Shows the events of one build with a renderer, as if the build ran here. */
export class EventReplay {
  readonly #renderer: ProgressRenderer;
  readonly #build: string | undefined;
  readonly #statuses = new EventStatuses();
  #over = false;

  /** `build` as the renderer's calls have it. */
  constructor(renderer: ProgressRenderer, build: string | undefined) {
    this.#renderer = renderer;
    this.#build = build;
  }

  /** The build has ended. */
  get over(): boolean {
    return this.#over;
  }

  show(event: BuildEvent): void {
    const [renderer, build] = [this.#renderer, this.#build];
    switch (event.type) {
      case "build.started":
        renderer.start(build);
        break;
      case "source_map": {
        const steps = new Map(event.steps.map(({ vertex, lines }) => [vertex, lines]));
        renderer.sourceMap(build, { filename: event.filename, text: "", steps });
        break;
      }
      case "build.note":
        renderer.note(build, event.text);
        break;
      case "build.finished":
        if (!this.#over) renderer.finish(build, outcomeOf(event));
        this.#over = true;
        break;
      default:
        if (event.type === "warning" && event.step === null) renderer.warn(build, event.message);
        else {
          const status = this.#statuses.of(event);
          if (status) renderer.update(build, status);
        }
    }
  }
}

function outcomeOf({ outcome, image, error, sent }: BuildFinished): BuildOutcome {
  if (outcome === "failed") return { kind: "failed", error: buildErrorOf(error) };
  return outcome === "cancelled"
    ? { kind: outcome }
    : {
        kind: outcome,
        ...(image === null ? {} : { image }),
        ...(outcome === "built" && sent ? { sent } : {}),
      };
}

/** The error of a build that failed elsewhere. Its texts are safe for a terminal, line by line, whoever has written the event. */
export function buildErrorOf(error: BuildFinished["error"]): BuildKitError {
  const known = buildKitErrorCodes.find((code) => code === error?.code);
  const code: BuildKitErrorCode = known ?? "solve_failed";
  return new BuildKitError(code, safe(error?.message || "The build failed."), {
    ...(error?.hint ? { hint: safe(error.hint) } : {}),
    failure: {
      ...(error?.step ? { vertex: error.step } : {}),
      ...(error?.command ? { command: error.command } : {}),
      ...(error?.exitCode == null ? {} : { exitCode: error.exitCode }),
      ...(error?.dockerfile ? { dockerfile: error.dockerfile } : {}),
      ...(error?.logTail.length ? { logTail: error.logTail } : {}),
    },
  });
}

const safe = (text: string) =>
  text
    .split("\n")
    .map((line) => safeLine(line, false))
    .join("\n");
