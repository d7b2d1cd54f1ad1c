import type { BuildEvent, StepLogLine } from "./build-event.js";
import type { StepState } from "./step.js";

// What reads events from elsewhere (another process, the network, a file) holds in its hands what anybody can have written.

const states: ReadonlySet<string> = new Set(["waiting", "running", "done", "cached", "failed", "cancelled"]);
const outcomes: ReadonlySet<string> = new Set(["built", "reused", "failed", "cancelled"]);

/**
 * The event that a parsed line of `--progress json`, or a message of the API, holds. Undefined for what is none of a build, as for
 * types of a later version. Fields of the wrong type are taken as absent, and those that are not known are left out.
 */
export function readBuildEvent(value: unknown): BuildEvent | undefined {
  if (!isObject(value)) return undefined;
  const step = text(value.step);
  switch (value.type) {
    case "build.started":
      return { type: "build.started" };
    case "source_map":
      return {
        type: "source_map",
        filename: text(value.filename) ?? "",
        steps: list(value.steps).flatMap((each) =>
          typeof each.vertex === "string" ? { vertex: each.vertex, lines: lines(each.lines) } : [],
        ),
      };
    case "step.updated":
      if (!step || typeof value.state !== "string" || !states.has(value.state)) return undefined;
      return {
        type: "step.updated",
        step,
        name: text(value.name) ?? "",
        state: value.state as StepState,
        vertices: texts(value.vertices),
        inputs: texts(value.inputs),
        started: text(value.started) ?? null,
        since: text(value.since) ?? text(value.started) ?? null,
        completed: text(value.completed) ?? null,
        duration: count(value.duration),
        error: text(value.error) ?? null,
      };
    case "step.log":
      if (!step) return undefined;
      return {
        type: "step.log",
        step,
        lines: list(value.lines).map(logLine),
        clipped: value.clipped === true,
      };
    case "transfer":
      if (!step) return undefined;
      return {
        type: "transfer",
        step,
        transfer: text(value.transfer) ?? "",
        current: count(value.current),
        total: count(value.total) || null,
        started: text(value.started) ?? "",
        duration: count(value.duration),
        done: value.done === true,
      };
    case "warning":
      return {
        type: "warning",
        step: step ?? null,
        rule: text(value.rule) ?? null,
        message: text(value.message) ?? "",
        detail: texts(value.detail),
        url: text(value.url) ?? null,
        filename: text(value.filename) ?? null,
        lines: lines(value.lines),
      };
    case "build.note":
      return { type: "build.note", text: text(value.text) ?? "" };
    case "build.finished": {
      if (typeof value.outcome !== "string" || !outcomes.has(value.outcome)) return undefined;
      const steps = isObject(value.steps) ? value.steps : {};
      return {
        type: "build.finished",
        outcome: value.outcome as "built" | "reused" | "failed" | "cancelled",
        image: text(value.image) ?? null,
        duration: count(value.duration),
        steps: {
          total: count(steps.total),
          completed: count(steps.completed),
          cached: count(steps.cached),
          failed: count(steps.failed),
        },
        sent: isObject(value.sent)
          ? { files: count(value.sent.files), bytes: count(value.sent.bytes) }
          : null,
        error: readFailure(value.error),
      };
    }
    default:
      return undefined;
  }
}

type Failure = Extract<BuildEvent, { type: "build.finished" }>["error"];

/** The `error` of an event that ends a build or what it belongs to. Null for none. */
export function readFailure(value: unknown): Failure {
  if (!isObject(value)) return null;
  const { dockerfile } = value;
  return {
    code: text(value.code) ?? "",
    message: text(value.message) ?? "",
    hint: text(value.hint) ?? null,
    step: text(value.step) ?? null,
    command: text(value.command) ?? null,
    exitCode: typeof value.exitCode === "number" ? value.exitCode : null,
    dockerfile: isObject(dockerfile)
      ? {
          name: text(dockerfile.name) ?? "",
          excerpt: list(dockerfile.excerpt).map((line) => ({
            line: count(line.line),
            text: text(line.text) ?? "",
            failed: line.failed === true,
          })),
        }
      : null,
    logTail: texts(value.logTail),
  };
}

function logLine(value: Record<string, unknown>): StepLogLine {
  const clipped = text(value.clipped);
  return {
    stream: value.stream === "stderr" ? "stderr" : "stdout",
    text: text(value.text) ?? "",
    at: text(value.at) ?? "",
    ...(clipped === undefined ? {} : { clipped }),
  };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null;
const array = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const list = (value: unknown) => array(value).filter(isObject);
const text = (value: unknown) => (typeof value === "string" ? value : undefined);
const texts = (value: unknown) => array(value).filter((item) => typeof item === "string");
const count = (value: unknown) =>
  typeof value === "number" && Number.isFinite(value) ? Math.max(0, value) : 0;
const lines = (value: unknown) =>
  list(value).map(({ start, end }) => ({ start: count(start), end: count(end) }));
