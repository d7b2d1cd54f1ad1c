import { expect, test } from "vitest";
import { timeAxis, wholeLength } from "./axis.js";
import { DeploymentModel } from "./deployment-model.js";
import { at, envelopes, instant, step } from "./events.testing.js";
import type { ServiceModel } from "./service-model.js";
import { serviceBars, stepRows } from "./waterfall.js";

function folded(...events: readonly (readonly [moment: number, event: object])[]): ServiceModel {
  const model = new DeploymentModel();
  const told = envelopes();
  for (const [moment, event] of events) model.apply(told(moment, event));
  return model.service("web") as ServiceModel;
}
const axis = timeAxis(instant(0), instant(10_000));
const rows = (service: ServiceModel, now = 10_000) => stepRows(service, axis, instant(now));

test("steps stand in the order of the Dockerfile, what prepares them before, what follows after", () => {
  const names = (service: ServiceModel) =>
    rows(service).map(({ line, stage, label }) => [line, stage, label]);
  const service = folded(
    [
      0,
      {
        service: "web",
        type: "source_map",
        filename: "Dockerfile",
        steps: [
          { vertex: "from", lines: [{ start: 1, end: 1 }] },
          { vertex: "build", lines: [{ start: 7, end: 9 }] },
        ],
      },
    ],
    [0, step({ id: "export", name: "exporting to image", state: "waiting" })],
    [0, step({ id: "build", name: "[app 2/2] RUN build", state: "waiting" })],
    [0, step({ id: "from", name: "[app 1/2] FROM node", state: "waiting" })],
    [
      0,
      step({
        id: "load",
        name: "[internal] load build definition from Dockerfile",
        state: "done",
        from: 0,
        to: 5,
      }),
    ],
  );
  const expected = [
    [null, null, "load build definition from Dockerfile"],
    ["1", "app", "FROM node"],
    ["7–9", "app", "RUN build"],
    [null, null, "exporting to image"],
  ];
  expect(names(service)).toEqual(expected);
});

test("a step that runs grows to now, and one that has not begun has neither bar nor duration", () => {
  const service = folded(
    [0, step({ id: "a", name: "[1/2] RUN a", state: "running", from: 2_000 })],
    [0, step({ id: "b", name: "[2/2] RUN b", state: "waiting" })],
  );
  expect(rows(service, 6_000)).toMatchObject([
    { state: "running", duration: 4_000, bars: [{ from: 0.2, to: 0.6, state: "running" }] },
    { state: "waiting", duration: null, bars: [] },
  ]);
});

test("a step that was stopped and resumed has a bar for each run, and its duration leaves the pause out", () => {
  const service = folded(
    [0, step({ id: "a", name: "[1/1] RUN a", state: "running", from: 1_000 })],
    [0, step({ id: "a", name: "[1/1] RUN a", state: "done", from: 1_000, to: 2_000 })],
    [0, step({ id: "a", name: "[1/1] RUN a", state: "running", from: 1_000, since: 5_000, duration: 1_000 })],
  );
  expect(rows(service, 7_000)).toMatchObject([
    {
      duration: 3_000,
      bars: [
        { from: 0.1, to: 0.2, state: "done" },
        { from: 0.5, to: 0.7, state: "running" },
      ],
    },
  ]);
});

test("bytes are those that came; layers that are unpacked are not counted twice", () => {
  const transfer = (name: string, current: number, total: number | null) =>
    [
      0,
      {
        service: "web",
        type: "transfer",
        step: "a",
        transfer: name,
        current,
        total,
        started: at(0),
        duration: 1,
        done: false,
      },
    ] as const;
  const service = folded(
    [0, step({ id: "a", name: "[1/1] FROM node", state: "running", from: 0 })],
    transfer("sha256:1", 10, 100),
    transfer("sha256:1", 40, 100),
    transfer("sha256:2", 5, null),
    transfer("extracting sha256:1", 90, 100),
  );
  expect(rows(service)).toMatchObject([{ bytes: 45, totalBytes: 105 }]);
});

test("the critical path goes back over the inputs that ended last, and not through the cache", () => {
  const done = (id: string, from: number, to: number, inputs: string[]) =>
    [0, step({ id, name: `[x 1/9] RUN ${id}`, state: "done", from, to, inputs })] as const;
  const service = folded(
    [0, step({ id: "base", name: "[x 1/9] FROM", state: "cached", from: 0, to: 9_000 })],
    done("fast", 10, 1_000, ["base"]),
    done("slow", 10, 6_000, ["base"]),
    done("both", 6_000, 7_000, ["fast", "slow"]),
    done("alone", 0, 500, []),
  );
  expect(
    rows(service)
      .filter(({ critical }) => critical)
      .map(({ label }) => label),
  ).toEqual(["RUN slow", "RUN both"]);
});

test("inputs in a circle, which only a broken stream has, end the path", () => {
  const service = folded(
    [0, step({ id: "a", name: "[1/2] RUN a", state: "done", from: 0, to: 5, inputs: ["b"] })],
    [0, step({ id: "b", name: "[2/2] RUN b", state: "done", from: 0, to: 4, inputs: ["a"] })],
  );
  expect(rows(service).filter(({ critical }) => critical)).toHaveLength(2);
});

test("a service's row has its build, its pull and its start, each where it happened", () => {
  const service = folded(
    [1_000, { service: "web", type: "build.started" }],
    [
      4_000,
      { service: "web", type: "build.finished", outcome: "built", duration: 3_000, steps: {}, sent: null },
    ],
    [6_000, { service: "web", type: "service.state", state: "starting", detail: null }],
    [8_000, { service: "web", type: "service.state", state: "healthy", detail: null }],
  );
  expect(serviceBars(service, axis, instant(10_000))).toEqual([
    { from: 0.1, to: 0.4, state: "done" },
    { from: 0.6, to: 0.8, state: "starting" },
  ]);
});

test("a live axis keeps still for a while and always has room", () => {
  const lengths = new Set<number>();
  for (let now = 0; now < 3_600_000; now += 1_000) {
    const length = wholeLength(now);
    expect(length).toBeGreaterThanOrEqual(now);
    lengths.add(length);
  }
  expect(lengths.size).toBeLessThan(20);
});
