import { expect, test } from "vitest";
import { recorded, recordings } from "../../../test/progress/recorded.js";
import { BuildProgress, foldStatus } from "./model.js";
import type { SolveStatus, Vertex } from "./types.js";

const empty: SolveStatus = { vertexes: [], statuses: [], logs: [], warnings: [] };
const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, 0) + second * 1000).toISOString();
const vertexes = (...list: Vertex[]): SolveStatus => ({ ...empty, vertexes: list });
const fold = (messages: readonly SolveStatus[]) =>
  messages.reduce((progress, status) => foldStatus(progress, status), new BuildProgress());

/** Everything that can be seen of a state, to compare two of them. */
function seen(progress: BuildProgress) {
  return {
    summary: progress.summary(),
    warnings: progress.warnings,
    steps: progress.steps.map((step) => ({
      id: step.id,
      name: step.name,
      state: step.state,
      error: step.error,
      order: step.order,
      vertices: step.vertices,
      inputs: step.inputs,
      intervals: step.intervals,
      transfers: step.transfers,
      lines: step.log.lines,
      tail: step.log.tail(1000),
      clipped: step.log.clipped,
    })),
  };
}

/** The same content in as many messages as it has parts. */
const apart = (status: SolveStatus): SolveStatus[] => [
  ...status.vertexes.map((vertex) => ({ ...empty, vertexes: [vertex] })),
  ...status.statuses.map((item) => ({ ...empty, statuses: [item] })),
  ...status.warnings.map((warning) => ({ ...empty, warnings: [warning] })),
  ...status.logs.flatMap((log) => {
    const middle = Math.floor(log.data.length / 2);
    return [log.data.subarray(0, middle), log.data.subarray(middle)].map((data) => ({
      ...empty,
      logs: [{ ...log, data }],
    }));
  }),
];

function random(seed: number) {
  let state = seed;
  return (below: number) => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return state % below;
  };
}

test("a step waits, runs and is done; what it depends on is kept", () => {
  const progress = new BuildProgress();
  progress.apply(vertexes({ digest: "sha256:b", name: "[2/2] RUN x", inputs: ["sha256:a"] }));
  const step = progress.step("sha256:b");
  expect(step?.state).toBe("waiting");
  progress.apply(vertexes({ digest: "sha256:b", name: "[2/2] RUN x", inputs: ["sha256:a"], started: at(1) }));
  expect(step?.state).toBe("running");
  progress.apply(
    vertexes({
      digest: "sha256:b",
      name: "[2/2] RUN x",
      inputs: ["sha256:a"],
      started: at(1),
      completed: at(3),
    }),
  );
  expect(step?.state).toBe("done");
  expect(step?.duration(0)).toBe(2000);
  expect(step?.inputs).toEqual(["sha256:a"]);
});

test("a step that is completed and started again runs on, and its pause does not count", () => {
  const progress = fold([
    vertexes({ digest: "sha256:a", name: "FROM x", started: at(0), completed: at(1) }),
    vertexes({ digest: "sha256:a", name: "FROM x", started: at(5) }),
  ]);
  const step = progress.step("sha256:a");
  expect(step?.state).toBe("running");
  progress.apply(vertexes({ digest: "sha256:a", name: "FROM x", started: at(5), completed: at(8) }));
  expect(step?.state).toBe("done");
  expect(step?.duration(0)).toBe(4000);
});

test("announcing a step again does not undo its run", () => {
  const progress = fold([
    vertexes({ digest: "sha256:a", name: "RUN x", started: at(0), completed: at(1), cached: true }),
    vertexes({ digest: "sha256:a", name: "RUN x" }),
  ]);
  expect(progress.step("sha256:a")?.state).toBe("cached");
});

test("an error makes a step failed, a cancelled context makes it cancelled", () => {
  const progress = fold([
    vertexes({ digest: "sha256:a", name: "RUN x", started: at(0), completed: at(1), error: "exit code: 7" }),
    vertexes({
      digest: "sha256:b",
      name: "RUN y",
      started: at(0),
      completed: at(1),
      error: "exit code: 137: context canceled",
    }),
  ]);
  expect(progress.step("sha256:a")?.state).toBe("failed");
  expect(progress.step("sha256:b")?.state).toBe("cancelled");
  expect(progress.summary()).toMatchObject({ failed: 1, cancelled: 1, total: 2, completed: 2 });
});

test("a step that ends before it begins has no negative duration", () => {
  const progress = fold([vertexes({ digest: "sha256:a", name: "RUN x", started: at(5), completed: at(1) })]);
  expect(progress.step("sha256:a")?.duration(0)).toBe(0);
  expect(progress.step("sha256:a")?.state).toBe("done");
});

test("the two vertices of a COPY --link are one step, shown when its own part starts", () => {
  const group = { id: "group1", name: "[3/3] COPY --link a /a" };
  const weak = {
    digest: "sha256:w",
    name: "[3/3] COPY --link a /a",
    progressGroup: { ...group, weak: true },
  };
  const own = {
    digest: "sha256:o",
    name: "[3/3] LINK COPY --link a /a",
    inputs: ["sha256:w"],
    progressGroup: group,
  };
  const progress = fold([vertexes(weak, own), vertexes({ ...weak, started: at(0), completed: at(2) })]);
  expect(progress.started).toHaveLength(0);
  progress.apply(vertexes({ ...own, started: at(3), completed: at(4) }));
  expect(
    progress.steps.map(({ name, state, vertices, inputs }) => ({ name, state, vertices, inputs })),
  ).toEqual([{ name: group.name, state: "done", vertices: ["sha256:w", "sha256:o"], inputs: [] }]);
  expect(progress.step("sha256:o")).toBe(progress.step("sha256:w"));
  expect(progress.step("sha256:o")?.duration(0)).toBe(3000);
});

test("a group is cached only when all of it is, and failed when a weak part is", () => {
  const group = { id: "group1", name: "COPY --link" };
  const part = (digest: string, cached: boolean) => ({
    digest,
    name: "x",
    started: at(0),
    completed: at(0),
    cached,
    progressGroup: group,
  });
  expect(fold([vertexes(part("sha256:a", true), part("sha256:b", false))]).step("group1")?.state).toBe(
    "done",
  );
  expect(fold([vertexes(part("sha256:a", true), part("sha256:b", true))]).step("group1")?.state).toBe(
    "cached",
  );
  const failed = { ...part("sha256:a", false), progressGroup: { ...group, weak: true }, error: "not found" };
  expect(fold([vertexes(failed)]).started.map(({ state }) => state)).toEqual(["failed"]);
});

test("a warning that several steps report is one warning", () => {
  const warning = {
    vertex: "sha256:a",
    level: 1,
    short: "MaintainerDeprecated",
    detail: ["why"],
    ranges: [{ start: { line: 3 }, end: { line: 3 } }],
  };
  const progress = new BuildProgress();
  expect(progress.apply({ ...empty, warnings: [warning] }).warnings).toHaveLength(1);
  expect(progress.apply({ ...empty, warnings: [{ ...warning, vertex: "sha256:b" }] }).warnings).toHaveLength(
    0,
  );
  progress.apply({
    ...empty,
    warnings: [{ ...warning, ranges: [{ start: { line: 9 }, end: { line: 9 } }] }],
  });
  expect(progress.warnings).toHaveLength(2);
});

test("a log that is ahead of its step is not lost", () => {
  const progress = new BuildProgress();
  const change = progress.apply({
    ...empty,
    logs: [{ vertex: "sha256:a", stream: 1, data: Buffer.from("early\n"), timestamp: at(1) }],
  });
  expect(change.lines.map(({ text }) => text)).toEqual(["early"]);
  expect(progress.steps).toHaveLength(0);
  progress.apply(vertexes({ digest: "sha256:a", name: "RUN x", started: at(0) }));
  expect(progress.steps[0]?.log.tail(1)[0]?.text).toBe("early");
});

test("durations are right although the daemon's clock is an hour ahead", () => {
  const progress = new BuildProgress();
  const now = Date.UTC(2026, 0, 1, 0, 0, 0) - 3_600_000;
  progress.apply(vertexes({ digest: "sha256:a", name: "RUN x", started: at(0) }), now);
  expect(progress.elapsed(now + 2500)).toBe(2500);
  expect(progress.steps.map((step) => progress.duration(step, now + 2500))).toEqual([2500]);
});

test("the end of the build ends what was still running, and time stands still", () => {
  const progress = new BuildProgress();
  const now = Date.UTC(2026, 0, 1);
  progress.apply(vertexes({ digest: "sha256:a", name: "RUN x", started: at(0) }), now);
  expect(progress.end("cancelled", now + 1000).map(({ state }) => state)).toEqual(["cancelled"]);
  expect(progress.end("failed", now + 5000)).toEqual([]);
  expect(progress.elapsed(now + 9000)).toBe(1000);
  expect(progress.summary().cancelled).toBe(1);
});

test.each(recordings)("%s cut into its smallest parts gives the same state as whole", (name) => {
  const messages = recorded(name);
  expect(seen(fold(messages.flatMap(apart)))).toEqual(seen(fold(messages)));
});

test.each(["28c-link", "28c-basic", "20-fail", "26-cancel"])(
  "%s told twice gives the same steps as told once",
  (name) => {
    const once = seen(fold(recorded(name).map((status) => ({ ...status, logs: [] }))));
    const twice = seen(
      fold([...recorded(name), ...recorded(name)].map((status) => ({ ...status, logs: [] }))),
    );
    expect(twice).toEqual(once);
  },
);

test.each(recordings)(
  "%s in any order of messages never throws, and loses neither steps nor lines",
  (name) => {
    const messages = recorded(name);
    const whole = fold(messages);
    for (let seed = 1; seed <= 5; seed += 1) {
      const next = random(seed);
      const shuffled = messages
        .map((message) => ({ message, key: next(1 << 30) }))
        .sort((a, b) => a.key - b.key);
      const progress = fold(shuffled.map(({ message }) => message));
      expect(new Set(progress.steps.map(({ id }) => id))).toEqual(new Set(whole.steps.map(({ id }) => id)));
      const bytes = (of: BuildProgress) => of.steps.reduce((sum, step) => sum + step.log.bytes, 0);
      expect(bytes(progress)).toBe(bytes(whole));
    }
  },
);

test("garbage in any field never throws", () => {
  const junk = [
    undefined,
    null,
    0,
    -1,
    Number.NaN,
    Infinity,
    "",
    "x",
    "sha256:a",
    "\u001b[2J",
    "0001-01-01T00:00:00Z",
    at(1),
    at(-1e9),
    [],
    {},
    true,
    new Uint8Array([255, 10]),
    Buffer.from("a\nb"),
    "y".repeat(100_000),
  ];
  const next = random(42);
  const any = () => junk[next(junk.length)];
  const some = (keys: string[]) =>
    Object.fromEntries(
      keys.map((key) => [
        key,
        next(3) === 0
          ? any()
          : key === "digest" || key === "vertex"
            ? ["sha256:a", "sha256:b", "g"][next(3)]
            : key === "data"
              ? Buffer.from("x\n")
              : any(),
      ]),
    );
  const progress = new BuildProgress();
  for (let round = 0; round < 5_000; round += 1) {
    progress.apply({
      vertexes: [
        {
          ...some(["digest", "inputs", "name", "started", "completed", "cached", "error"]),
          progressGroup: next(4) === 0 ? some(["id", "name", "weak"]) : undefined,
        },
      ],
      statuses: [some(["id", "vertex", "current", "total", "timestamp", "started", "completed"])],
      logs: [some(["vertex", "stream", "data", "timestamp"])],
      warnings: [some(["vertex", "level", "short", "detail", "ranges", "url", "sourceInfo"])],
    } as unknown as SolveStatus);
  }
  expect(() => seen(progress)).not.toThrow();
  expect(() => progress.apply({} as SolveStatus)).not.toThrow();
});

test("a daemon that announces steps without end does not fill the memory", () => {
  const progress = new BuildProgress();
  for (let step = 0; step < 30_000; step += 1)
    progress.apply(vertexes({ digest: `sha256:${step}`, name: "RUN x", started: at(0), completed: at(1) }));
  expect(progress.steps.length).toBe(20_000);
  for (let run = 0; run < 1000; run += 1) {
    progress.apply(
      vertexes({ digest: "sha256:1", name: "RUN x", started: at(run * 10), completed: at(run * 10 + 1) }),
    );
  }
  expect(progress.step("sha256:1")?.duration(0)).toBe(1_000_000);
});

test("clipped output is known to be clipped on every engine", () => {
  for (const engine of ["20", "26", "28c"]) {
    const clipped = fold(recorded(`${engine}-logs`))
      .steps.map(({ log }) => log.clipped)
      .filter((limit) => limit !== undefined);
    expect(clipped, engine).toEqual(["200KiB/s"]);
  }
});
