import { expect, test } from "vitest";
import { recorded, recordings, TestClock, TestOutput, timeOf } from "../../../test/progress/recorded.js";
import { BuildKitError } from "../errors.js";
import type { BuildEvent } from "./build-event.js";
import { BuildEvents } from "./build-events.js";
import { EventReplay } from "./event-replay.js";
import { PlainRenderer } from "./plain.js";
import { readBuildEvent } from "./read-build-event.js";
import type { BuildOutcome, ProgressRenderer } from "./renderer.js";
import { isTerminalSafe } from "./terminal-text.js";
import { TtyRenderer } from "./tty.js";
import type { SolveStatus } from "./types.js";

const start = Date.parse("2026-11-22T17:00:00Z");
const at = (second: number) => new Date(start + second * 1000).toISOString();

/** Times as events have them: whole milliseconds. */
function rounded(status: SolveStatus): SolveStatus {
  return JSON.parse(JSON.stringify(status), (key, value) => {
    if (key === "data" && value?.type === "Buffer") return Buffer.from(value.data);
    return typeof value === "string" && /^\d{4}-\d\d-\d\dT[\d:]+\.\d{4,}Z$/.test(value)
      ? new Date(Date.parse(value)).toISOString()
      : value;
  });
}

function outcome(name: string): BuildOutcome {
  if (name.includes("cancel")) return { kind: "cancelled" };
  if (!name.includes("fail")) return { kind: "built", image: "sha256:x" };
  const failed = recorded(name)
    .flatMap(({ vertexes }) => vertexes)
    .find(({ error }) => error);
  const error = new BuildKitError("step_failed", "The command failed.\nIt ended with 7.", {
    hint: "Look at its output.",
    failure: {
      ...(failed ? { vertex: failed.digest } : {}),
      exitCode: 7,
      dockerfile: { name: "Dockerfile", excerpt: [{ line: 3, text: "RUN false", failed: true }] },
      logTail: ["one", "two"],
    },
  });
  return { kind: "failed", error };
}

type Make = (options: { output: TestOutput; clock: TestClock }) => ProgressRenderer;

/** What a renderer shows of a recording: told of it directly, and by its events as they arrive over a wire. */
async function shown(name: string, build: string | undefined, make: Make) {
  const screens: TestOutput[] = [];
  for (const remote of [false, true]) {
    const output = new TestOutput();
    // By the daemon's own clock, which was that of the machine that made the recording.
    const statuses = recorded(name).map(rounded);
    const clock = new TestClock(Math.min(...statuses.map(timeOf).filter((time) => time > 0)));
    const renderer = make({ output, clock });
    const events = new BuildEvents();
    const replay = new EventReplay(renderer, build);
    const show = (told: readonly BuildEvent[]) => {
      for (const event of told) replay.show(readBuildEvent(JSON.parse(JSON.stringify(event)))!);
    };
    if (remote) show(events.start());
    else renderer.start(build);
    for (const status of statuses) {
      clock.advance(Math.max(0, timeOf(status) - clock.now()));
      if (remote) show(events.update(status, clock.now()));
      else renderer.update(build, status);
    }
    if (remote) show(events.finish(outcome(name), clock.now()));
    else renderer.finish(build, outcome(name));
    await renderer.close();
    screens.push(output);
  }
  return screens as [TestOutput, TestOutput];
}

/**
 * Plain output by step. Left out: which steps that began in the same message is named first, where a step's block is interrupted
 * for another's, and how often a transfer under way is mentioned, which is for each reader to say.
 */
function bySteps({ lines }: TestOutput): Record<string, string[]> {
  const titles = new Map<string, string>();
  const blocks: Record<string, string[]> = { "": [] };
  for (const line of lines) {
    const [, number, text = line] = /^#(\d+) (.*)$/.exec(line) ?? [];
    if (number === undefined) blocks[""]?.push(text);
    else if (!titles.has(number)) {
      titles.set(number, text);
      blocks[text] = [];
    } else if (text !== titles.get(number) && text !== "...") blocks[titles.get(number) ?? ""]?.push(text);
  }
  const underWay = (text: string, of: string[]) =>
    !/^[\d.]+ /.test(text) &&
    of.some(
      (other) =>
        other !== text &&
        other.endsWith(" done") &&
        other.startsWith(text.replace(/( [\d.]+\w*B( \/ \S+)?)?( [\d.]+s)?$/, "")),
    );
  for (const [title, of] of Object.entries(blocks))
    blocks[title] = of.filter((text) => text !== "" && !underWay(text, of));
  return blocks;
}

test.each(recordings)("%s reads in plain output from afar as it does here", async (name) => {
  const [here, afar] = await shown(name, "web", (options) => new PlainRenderer({ ...options, color: true }));
  expect(bySteps(afar)).toEqual(bySteps(here));
  expect(Object.keys(bySteps(here)).length).toBeGreaterThan(4);
});

test.each(recordings)("%s leaves the same picture on a terminal from afar as here", async (name) => {
  const [here, afar] = await shown(
    name,
    undefined,
    (options) => new TtyRenderer({ ...options, color: false }),
  );
  // Steps that began in the same message may have changed places.
  const rows = ({ text }: TestOutput) =>
    text
      .slice(text.lastIndexOf("\u001b[?2026h"))
      .replace(/^.*?\r(\u001b\[\d+A)?/, "")
      .split("\r\n")
      .sort();
  expect(rows(afar)).toEqual(rows(here));
  expect(rows(here).length).toBeGreaterThan(5);
});

function plain(build?: string) {
  const output = new TestOutput();
  const renderer = new PlainRenderer({ output, clock: new TestClock(start), color: false });
  return { output, renderer, replay: new EventReplay(renderer, build) };
}

test("a step that is resumed has the time of its runs and not that of the pause", async () => {
  const { output, renderer, replay } = plain();
  const step = {
    type: "step.updated",
    step: "a",
    name: "RUN x",
    vertices: [],
    inputs: [],
    error: null,
  } as const;
  const run = (state: "running" | "done", since: number, completed: number | null, duration: number) =>
    replay.show({
      ...{ ...step, state, started: at(0), since: at(since), duration },
      completed: completed === null ? null : at(completed),
    });
  run("running", 0, null, 0);
  run("done", 0, 1, 1000);
  run("running", 50, null, 1000);
  run("done", 50, 52, 3000);
  // Told as running again, as engines do whose step was not yet over: no new run.
  run("running", 50, null, 3000);
  run("done", 50, 52, 3000);
  replay.show({
    type: "build.finished",
    outcome: "built",
    image: null,
    duration: 3000,
    steps: { total: 1, completed: 1, cached: 0, failed: 0 },
    sent: { files: 2, bytes: 3 },
    error: null,
  });
  await renderer.close();
  expect(output.lines.at(-1)).toBe("#1 DONE 3.0s");
});

test("notes, warnings and a failure without a step are shown under the build's name", async () => {
  const { output, renderer, replay } = plain("web");
  const finished = {
    type: "build.finished",
    outcome: "failed",
    error: { code: "new_code", message: "No luck." },
  };
  for (const event of [
    { type: "build.note", text: "pulling" },
    { type: "warning", message: "no such cache" },
    finished,
    finished,
  ])
    replay.show(readBuildEvent(event)!);
  await renderer.close();
  expect(output.lines).toEqual([
    "[web] pulling",
    "",
    "[web] WARN: no such cache",
    "",
    "✕ web could not be built: No luck.",
  ]);
  expect(replay.over).toBe(true);
});

test("what is no event of a build is none, whatever it holds", () => {
  for (const value of [
    null,
    1,
    "x",
    [],
    {},
    { type: "deployment.plan" },
    { type: "step.log" },
    { type: "step.updated", step: "a", state: "dancing" },
    { type: "build.finished", outcome: 1 },
    { type: "__proto__" },
  ])
    expect(readBuildEvent(value)).toBeUndefined();
});

test("hostile events neither throw nor act on the terminal", async () => {
  const { output, renderer, replay } = plain("we\u001b[2Jb");
  const nasty = "a\u001b]0;title\u0007\u001b[2J\nb\r";
  const strange = [
    nasty,
    1e308,
    -1,
    null,
    {},
    [],
    [null, 1, { text: nasty, at: nasty, line: "x" }],
    "9".repeat(40),
  ];
  const types = [
    "source_map",
    "step.updated",
    "step.log",
    "transfer",
    "warning",
    "build.note",
    "build.finished",
  ];
  const fields = [
    ...["name", "vertices", "started", "completed", "duration", "lines", "transfer", "current", "total"],
    ...["rule", "message", "detail", "url", "filename", "text", "image", "steps", "error"],
  ];
  for (const type of types)
    for (const value of strange) {
      const filled = Object.fromEntries(fields.map((field) => [field, value]));
      const state = { state: "failed", outcome: "failed", step: "a" };
      const error =
        typeof value === "object" ? value : { code: value, message: value, hint: value, logTail: [value] };
      const event = readBuildEvent({ ...filled, ...state, error, type });
      if (event) replay.show(event);
    }
  await renderer.close();
  expect(output.lines.length).toBeGreaterThan(3);
  for (const line of output.lines) expect(isTerminalSafe(line)).toBe(true);
});
