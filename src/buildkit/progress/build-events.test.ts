import { expect, test } from "vitest";
import { recorded, recordings, TestClock, TestOutput, timeOf } from "../../../test/progress/recorded.js";
import { BuildKitError } from "../errors.js";
import type { BuildEvent } from "./build-event.js";
import { BuildEventRenderer } from "./build-event-renderer.js";
import { BuildEvents } from "./build-events.js";
import { BuildProgress } from "./model.js";
import { QuietRenderer } from "./quiet.js";
import { decodeRawJson } from "./raw-json.js";
import { RawJsonRenderer } from "./raw-json-renderer.js";
import type { SolveStatus } from "./types.js";

const empty: SolveStatus = { vertexes: [], statuses: [], logs: [], warnings: [] };
const now = Date.parse("2026-11-22T17:00:00Z");
const at = (second: number) => new Date(now + second * 1000).toISOString();
const log = (text: string, stream = 1): SolveStatus => ({
  ...empty,
  logs: [{ vertex: "sha256:a", stream, data: Buffer.from(text), timestamp: at(1) }],
});

function eventsOf(name: string): BuildEvent[] {
  const events = new BuildEvents();
  return [
    ...events.start(),
    ...recorded(name).flatMap((status) => events.update(status, timeOf(status))),
    ...events.finish({ kind: "built", image: "sha256:x" }, now),
  ];
}

test.each(recordings)("the events of %s tell the same as the fold", (name) => {
  const events = eventsOf(name);
  const progress = new BuildProgress();
  for (const status of recorded(name)) progress.apply(status);
  progress.end("built", now);
  const last = new Map(
    events.flatMap((event) => (event.type === "step.updated" ? [[event.step, event] as const] : [])),
  );
  expect(new Map([...last].map(([step, { state }]) => [step, state]))).toEqual(
    new Map(progress.steps.map(({ id, state }) => [id, state])),
  );
  for (const step of progress.steps) {
    step.log.flush();
    const lines = events.flatMap((event) =>
      event.type === "step.log" && event.step === step.id ? event.lines : [],
    );
    expect(lines).toHaveLength(step.log.lines);
  }
  expect(events.filter(({ type }) => type === "warning")).toHaveLength(progress.warnings.length);
  expect(events[0]?.type).toBe("build.started");
  expect(events.filter(({ type }) => type === "build.finished")).toEqual([events.at(-1)]);
});

test.each(recordings)("in %s a step's log is complete before its end is told", (name) => {
  const ended = new Set<string>();
  for (const event of eventsOf(name)) {
    if (event.type === "step.updated" && event.state !== "running" && event.state !== "waiting")
      ended.add(event.step);
    if (event.type === "step.updated" && event.state === "running") ended.delete(event.step);
    if (event.type === "step.log") expect(ended.has(event.step)).toBe(false);
  }
});

test("a message with much log is told in parts, each line once, and the end of its step in the last", () => {
  const events = new BuildEvents();
  const vertex = { digest: "sha256:a", name: "RUN x", started: at(0), completed: at(2) };
  const numbers = Array.from({ length: 100_000 }, (_, number) => `${number}\n`).join("");
  const chunks = numbers.match(/[\s\S]{1,32768}/g) ?? [];
  const logs = chunks.flatMap((text) => log(text).logs ?? []);
  const parts = [...events.updates({ ...empty, vertexes: [vertex], logs }, now)];
  expect(parts.length).toBeGreaterThan(chunks.length / 4);
  const lines = parts.map((part) => part.flatMap((event) => (event.type === "step.log" ? event.lines : [])));
  expect(Math.max(...lines.map(({ length }) => length))).toBeLessThan(40_000);
  expect(lines.flat().map(({ text }) => Number(text))).toEqual(
    Array.from({ length: 100_000 }, (_, at) => at),
  );
  const ends = parts.map((part) => part.some((event) => event.type === "step.updated"));
  expect(ends).toEqual([...parts.slice(1).map(() => false), true]);
});

test("a step whose log comes in several messages is over after the last of them, and its lines are whole", () => {
  const events = new BuildEvents();
  const vertex = { digest: "sha256:a", name: "RUN x", started: at(0) };
  events.update({ ...empty, vertexes: [vertex] }, now);
  const piece = (text: string): SolveStatus["logs"] => log(text).logs;
  const told = [
    ...events.update(
      { ...empty, vertexes: [{ ...vertex, completed: at(2) }], logs: piece(`${"x\n".repeat(600_000)}bro`) },
      now,
    ),
    ...events.update({ ...empty, logs: piece("ken\nla") }, now),
    ...events.update({ ...empty, logs: piece("st") }, now),
    ...events.update(empty, now),
  ];
  const lines = told.flatMap((event) => (event.type === "step.log" ? event.lines : []));
  expect(lines.slice(-2).map(({ text }) => text)).toEqual(["broken", "last"]);
  expect(told.filter(({ type }) => type === "step.updated")).toEqual([told.at(-1)]);
  expect(told.at(-1)).toMatchObject({ state: "done" });
});

test("each line has its own time, however close it is to the one before", () => {
  const events = new BuildEvents();
  events.update({ ...empty, vertexes: [{ digest: "sha256:a", name: "RUN x", started: at(0) }] }, now);
  const stamps = ["00:00:01.0004Z", "00:00:01.0009Z", "00:00:01.001Z", "00:00:01.0004Z"];
  const told = events.update(
    {
      ...empty,
      logs: stamps.map((stamp) => ({
        vertex: "sha256:a",
        stream: 1,
        data: Buffer.from("x\n"),
        timestamp: `2026-11-22T${stamp}`,
      })),
    },
    now,
  );
  expect(
    told.flatMap((event) => (event.type === "step.log" ? event.lines.map((line) => line.at.slice(11)) : [])),
  ).toEqual(["00:00:01.000Z", "00:00:01.000Z", "00:00:01.001Z", "00:00:01.000Z"]);
});

test("lines are batched, with their stream and time; a long batch is split", () => {
  const events = new BuildEvents();
  events.update({ ...empty, vertexes: [{ digest: "sha256:a", name: "RUN x", started: at(0) }] }, now);
  expect(events.update(log("a\nb\nc"), now)).toEqual([
    {
      type: "step.log",
      step: "sha256:a",
      lines: [
        { stream: "stdout", text: "a", at: at(1) },
        { stream: "stdout", text: "b", at: at(1) },
      ],
      clipped: false,
    },
  ]);
  const many = events.update(log("y\n".repeat(1200), 2), now);
  expect(many.map((event) => (event.type === "step.log" ? event.lines.length : 0))).toEqual([500, 500, 200]);
});

test("clipped output is flagged from its mark on", () => {
  const events = new BuildEvents();
  const [first] = events.update(log("a\n"), now);
  const [second] = events.update(log("\n[output clipped, log limit 2MiB reached]\n"), now);
  expect(first).toMatchObject({ clipped: false });
  expect(second).toMatchObject({ clipped: true, lines: [{ text: "" }, { clipped: "2MiB" }] });
});

test("a transfer is told at its begin, at its end, and now and then between", () => {
  const events = new BuildEvents();
  const told = Array.from({ length: 1001 }, (_, step) =>
    events.update(
      {
        ...empty,
        statuses: [
          {
            id: "sha256:l",
            vertex: "sha256:a",
            current: step,
            total: 1000,
            timestamp: at(step / 10_000),
            started: at(0),
            ...(step === 1000 ? { completed: at(1) } : {}),
          },
        ],
      },
      now,
    ),
  ).flat();
  expect(told.length).toBeGreaterThan(10);
  expect(told.length).toBeLessThan(30);
  expect(told.at(-1)).toEqual({
    type: "transfer",
    step: "sha256:a",
    transfer: "sha256:l",
    current: 1000,
    total: 1000,
    started: at(0),
    duration: 1000,
    done: true,
  });
});

test("a warning has the rule, the place and the address apart", () => {
  expect(eventsOf("28c-warn").find(({ type }) => type === "warning")).toEqual({
    type: "warning",
    step: expect.stringMatching(/^sha256:/),
    rule: "StageNameCasing",
    message: "Stage name 'Base' should be lowercase",
    detail: ["Stage names should be lowercase"],
    url: "https://docs.docker.com/go/dockerfile/rule/stage-name-casing/",
    filename: "Dockerfile.warn",
    lines: [{ start: 1, end: 1 }],
  });
});

test("the lines of each step are told by vertex", () => {
  const map = {
    filename: "Dockerfile",
    text: "FROM x",
    steps: new Map([["sha256:a", [{ start: 1, end: 1 }]]]),
  };
  expect(new BuildEvents().sourceMap(map)).toEqual([
    {
      type: "source_map",
      filename: "Dockerfile",
      steps: [{ vertex: "sha256:a", lines: [{ start: 1, end: 1 }] }],
    },
  ]);
});

test("a failure is told with all that is known of it", () => {
  const events = new BuildEvents();
  events.update({ ...empty, vertexes: [{ digest: "sha256:a", name: "RUN x", started: at(0) }] }, now);
  events.update(log("npm error\n"), now);
  const excerpt = [{ line: 5, text: "RUN npm ci", failed: true }];
  const error = new BuildKitError("step_failed", "npm ci exited with 1", {
    hint: "Look.",
    failure: {
      vertex: "sha256:a",
      command: "npm ci",
      exitCode: 1,
      dockerfile: { name: "Dockerfile", excerpt },
    },
  });
  expect(events.finish({ kind: "failed", error }, now + 2000).at(-1)).toEqual({
    type: "build.finished",
    outcome: "failed",
    image: null,
    duration: 2000,
    steps: { total: 1, completed: 1, cached: 0, failed: 0 },
    sent: null,
    error: {
      code: "step_failed",
      message: "npm ci exited with 1",
      hint: "Look.",
      step: "sha256:a",
      command: "npm ci",
      exitCode: 1,
      dockerfile: { name: "Dockerfile", excerpt },
      logTail: ["npm error"],
    },
  });
});

test("the json renderer writes one event a line, each put into the envelope once and in order", async () => {
  const output = new TestOutput();
  let seq = 0;
  const renderer = new BuildEventRenderer({
    output,
    clock: new TestClock(now),
    wrap: (event, build) => {
      seq += 1;
      return { seq, service: build, ...event };
    },
  });
  for (const status of recorded("26-fail")) renderer.update("web", status);
  renderer.note("web", "starting");
  renderer.finish("web", { kind: "cancelled" });
  await renderer.close();
  const lines = output.lines.map((line) => JSON.parse(line));
  expect(lines.map((line) => line.seq)).toEqual(lines.map((_, index) => index + 1));
  expect(lines[0]).toEqual({ seq: 1, service: "web", type: "build.started" });
  expect(lines.at(-1)).toMatchObject({ type: "build.finished", outcome: "cancelled" });
});

test.each(["json", "rawjson"])(
  "%s leaves log lines out when the reader has stopped, says so once for each step, and keeps the rest",
  async (mode) => {
    const output = new TestOutput();
    const clock = new TestClock(now);
    const renderer =
      mode === "json" ? new BuildEventRenderer({ output, clock }) : new RawJsonRenderer({ output });
    output.ready = false;
    const vertex = { digest: "sha256:a", name: "RUN yes", started: at(0) };
    renderer.update(undefined, { ...empty, vertexes: [vertex] });
    for (let round = 0; round < 1000; round += 1)
      renderer.update(undefined, log(`${"x".repeat(99)}\n`.repeat(300)));
    renderer.update(undefined, { ...empty, vertexes: [{ ...vertex, completed: at(9) }] });
    output.drain();
    await renderer.close();
    expect(output.text.length).toBeLessThan(10_000_000);
    const marks =
      mode === "json"
        ? output.text.match(/output clipped/g)
        : output.lines
            .flatMap((line) => decodeRawJson(line)?.logs ?? [])
            .filter(({ data }) => Buffer.from(data).includes("output clipped"));
    expect(marks).toHaveLength(1);
    expect(output.lines.at(-1)).toContain(mode === "json" ? '"state":"done"' : '"completed"');
  },
);

test("rawjson of several builds carries their names in the vertices'", () => {
  const output = new TestOutput();
  const renderer = new RawJsonRenderer({ output });
  renderer.update("web", {
    ...empty,
    vertexes: [
      { digest: "sha256:a", name: "[1/2] FROM x" },
      { digest: "sha256:b", name: "exporting" },
    ],
  });
  expect(decodeRawJson(output.lines[0] ?? "")?.vertexes.map(({ name }) => name)).toEqual([
    "[web 1/2] FROM x",
    "[web] exporting",
  ]);
});

test("quiet says nothing but why a build failed", async () => {
  const output = new TestOutput();
  const renderer = new QuietRenderer({ output, clock: new TestClock(now), color: false });
  for (const status of recorded("28c-fail")) renderer.update("web", status);
  for (const status of recorded("28c-basic")) renderer.update("api", status);
  renderer.finish("api", { kind: "built", image: "sha256:x" });
  expect(output.text).toBe("");
  const failed = recorded("28c-fail")
    .flatMap(({ vertexes }) => vertexes)
    .find(({ error }) => error && !error.endsWith("canceled"));
  renderer.finish("web", {
    kind: "failed",
    error: new BuildKitError("step_failed", "exited with 7", { failure: { vertex: failed?.digest ?? "" } }),
  });
  await renderer.close();
  expect(output.lines[0]).toBe("✕ web could not be built: exited with 7");
  expect(output.lines.at(-1)).toBe("  │ npm error package.json and package-lock.json are not in sync");
});
