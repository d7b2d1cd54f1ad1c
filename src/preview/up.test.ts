import { expect, test } from "vitest";
import type { Check } from "./check.js";
import type { ServicePlan } from "./environment-plan.js";
import { beforeRouted } from "./up.js";

const plan = (name: string, needs: string[], check: Partial<Check> = {}) =>
  ({
    plan: {
      service: { name },
      check: {
        needs: needs.map((service) => ({ service, until: "healthy" })),
        routed: false,
        gated: false,
        ...check,
      },
    },
  }) as unknown as ServicePlan;

test("a public service that its own health check opens to requests waits for all that do not need it", () => {
  const plans = [
    plan("db", []),
    plan("web", ["db"], { routed: true }),
    plan("admin", [], { routed: true }),
    plan("worker", []),
    plan("smoke", ["web"]),
    plan("after", ["smoke"]),
  ];
  const of = (name: string) => beforeRouted(plans.find(({ plan: one }) => one.service.name === name)!, plans);
  expect(of("web")).toEqual(["db", "worker"]);
  expect(of("worker")).toEqual([]);
});

test("one with a gate waits for nothing but its dependencies", () => {
  const plans = [plan("web", [], { routed: true, gated: true }), plan("worker", [])];
  expect(beforeRouted(plans[0]!, plans)).toEqual([]);
});

test("no two wait for each other", () => {
  // worker needs admin, so that web waiting for worker must not be what admin waits for.
  const plans = [
    plan("admin", [], { routed: true }),
    plan("web", [], { routed: true }),
    plan("worker", ["admin"]),
  ];
  const waits = (name: string) =>
    new Set([
      ...beforeRouted(plans.find(({ plan: one }) => one.service.name === name)!, plans),
      ...(plans
        .find(({ plan: one }) => one.service.name === name)
        ?.plan.check.needs.map(({ service }) => service) ?? []),
    ]);
  const reaches = (from: string, to: string, seen = new Set<string>()): boolean =>
    [...waits(from)].some((next) => next === to || (!seen.has(next) && reaches(next, to, seen.add(next))));
  for (const name of ["admin", "web", "worker"]) expect(reaches(name, name), name).toBe(false);
});
