import { expect, test } from "vitest";
import { DeploymentModel } from "./deployment-model.js";
import { at, envelopes, instant, logged, step } from "./events.testing.js";
import { serviceState, serviceSummary, sourceTimes } from "./overview.js";

const lines = (model: DeploymentModel, place: { service?: string; step?: string }) => {
  const list = model.lines(place);
  return Array.from({ length: list.length }, (_, index) => model.logs.text(list.at(index)));
};
const plan = (...services: object[]) => ({ type: "deployment.plan", services });

test("lines are found by step, by service and all together, and each says where it comes from", () => {
  const model = new DeploymentModel();
  const told = envelopes();
  model.apply(told(0, step({ id: "a", name: "[1/2] RUN a", state: "running", from: 0 })));
  model.apply(told(1, logged("a", "one", "two")));
  model.apply(told(2, logged("b", "three")));
  model.apply(told(3, { ...logged("a", "other"), service: "api" }));
  expect(lines(model, { service: "web", step: "a" })).toEqual(["one", "two"]);
  expect(lines(model, { service: "web" })).toEqual(["one", "two", "three"]);
  expect(lines(model, {})).toEqual(["one", "two", "three", "other"]);
  expect(lines(model, { service: "nobody" })).toEqual([]);
  expect(model.origin(model.logs.line(0).step)).toEqual({ service: "web", step: "RUN a" });
});

test("a newer attempt begins anew, and what an older one still says is left out", () => {
  const model = new DeploymentModel();
  const [first, second] = [envelopes(1), envelopes(2)];
  model.apply(first(0, { type: "deployment.state", state: "building" }));
  model.apply(first(1, logged("a", "of the first")));
  model.apply(second(9, { type: "deployment.state", state: "preparing" }));
  model.apply(first(10, logged("a", "late")));
  expect(model.attempt).toBe(2);
  expect(lines(model, {})).toEqual([]);
  expect([...model.states.keys()]).toEqual(["preparing"]);
  expect(model.startedAt).toBe(instant(9));
});

test("events that have not come although later ones have are counted", () => {
  const model = new DeploymentModel();
  const told = envelopes();
  const all = [0, 1, 2, 3].map((moment) => told(moment, { type: "deployment.note", text: `${moment}` }));
  model.apply(all[0] ?? {});
  model.apply(all[3] ?? {});
  expect(model.missing).toBe(2);
  model.apply(all[1] ?? {});
  model.apply(all[2] ?? {});
  expect(model.missing).toBe(0);
});

test("events whose fields are of other types than they should be change nothing that breaks a page", () => {
  const model = new DeploymentModel();
  const odd: unknown[] = [null, 5, "text", [], {}, [null], { service: {} }, Number.NaN];
  for (const type of [
    "deployment.plan",
    "deployment.source",
    "service.state",
    "deployment.finished",
    "hook.state",
  ])
    for (const value of odd)
      model.apply({
        attempt: 1,
        seq: 1,
        type,
        service: value,
        services: value,
        state: value,
        error: value,
        at: value,
      } as never);
  for (const type of [
    "step.updated",
    "step.log",
    "transfer",
    "warning",
    "build.finished",
    "source_map",
    "hook.log",
  ])
    for (const value of odd)
      model.apply({
        attempt: 1,
        seq: 2,
        type,
        service: "web",
        step: value,
        steps: value,
        lines: value,
        state: value,
        outcome: value,
      } as never);
  expect(model.services.map(({ name }) => name)).toEqual(["text", "web"]);
  expect(model.service("web")?.build?.steps).toEqual([]);
});

test("a service is told by its container's state, before that by its build, before that by the plan", () => {
  const model = new DeploymentModel();
  const told = envelopes();
  const state = (name: string) => serviceState(model.service(name) as never, model);
  const summary = (name: string) => serviceSummary(model.service(name) as never);
  model.apply(
    told(
      0,
      plan(
        { name: "web", action: "build" },
        { name: "db", action: "pull", image: "postgres:16" },
        { name: "worker", action: "reuse" },
      ),
    ),
  );
  expect([state("web"), state("db"), state("worker")]).toEqual(["waiting", "waiting", "reused"]);
  expect([summary("db"), summary("worker")]).toEqual([
    "postgres:16",
    "same inputs as before: not built again",
  ]);
  model.apply(told(1, { service: "web", type: "build.started" }));
  model.apply(told(2, step({ id: "a", name: "[1/2] RUN a", state: "running", from: 1 })));
  model.apply(told(2, step({ id: "b", name: "[2/2] RUN b", state: "waiting" })));
  expect([state("web"), summary("web")]).toEqual(["building", "0 of 2 steps · RUN a"]);
  model.apply(
    told(9, {
      service: "web",
      type: "build.finished",
      outcome: "built",
      duration: 8,
      steps: { total: 2, cached: 1 },
      sent: { files: 1, bytes: 1200 },
    }),
  );
  expect([state("web"), summary("web")]).toEqual(["built", "1 of 2 steps cached, sent 1 file (1.2 kB)"]);
  model.apply(told(10, { service: "web", type: "service.state", state: "healthy", detail: null }));
  expect(state("web")).toBe("healthy");
});

test("services stand in the order of the plan, also where a log line was ahead of it", () => {
  const model = new DeploymentModel();
  const told = envelopes();
  model.apply(told(0, logged("a", "early")));
  model.apply(told(1, plan({ name: "db", action: "pull" }, { name: "web", action: "build" })));
  expect(model.services.map(({ name }) => name)).toEqual(["db", "web"]);
});

test("fetching the sources lasts from the first word to the first build", () => {
  const model = new DeploymentModel();
  const told = envelopes();
  model.apply(told(5, { type: "deployment.state", state: "claimed" }));
  model.apply(told(10, { type: "deployment.state", state: "preparing" }));
  expect(sourceTimes(model)).toEqual({ from: instant(10), to: undefined });
  model.apply(told(700, { type: "deployment.state", state: "building" }));
  model.apply(told(900, { type: "deployment.state", state: "building" }));
  expect(sourceTimes(model)).toEqual({ from: instant(10), to: instant(700) });
});

test("a hook is a step of its service, with its own lines", () => {
  const model = new DeploymentModel();
  const told = envelopes();
  const hook = { service: "web", type: "hook.state", hook: "onDeploy", command: "npm run migrate" };
  model.apply(told(100, { ...hook, state: "running", exitCode: null, duration: null }));
  model.apply(
    told(150, {
      service: "web",
      type: "hook.log",
      hook: "onDeploy",
      lines: [{ stream: "stderr", text: "migrated", at: at(140) }],
    }),
  );
  model.apply(told(900, { ...hook, state: "failed", exitCode: 1, duration: 800 }));
  const [found] = model.service("web")?.hooks ?? [];
  expect(found).toMatchObject({ state: "failed", name: { stage: "onDeploy", label: "npm run migrate" } });
  expect(found?.durationAt(instant(5_000))).toBe(800);
  expect(lines(model, { service: "web", step: found?.id ?? "" })).toEqual(["migrated"]);
});
