import { expect, test } from "vitest";
import { leftOverOf } from "./attempt.js";
import type { FoundService } from "./found.js";

const container = (
  service: string,
  deployment: string,
  {
    check = {},
    ...more
  }: Partial<Omit<FoundService, "check">> & { check?: Partial<FoundService["check"]> } = {},
): FoundService => ({
  id: `${service}-${deployment}`,
  name: `${service}-${deployment}`,
  service,
  deployment,
  number: deployment === "old" ? 1 : 2,
  settings: "",
  running: true,
  healthy: false,
  completed: false,
  links: {},
  ...more,
  check: {
    needs: [],
    engine: false,
    gated: service === "web",
    routed: service === "web",
    once: false,
    mayEnd: false,
    seconds: 1,
    ...check,
  },
});
const of = (found: FoundService[], opened: string[] = []) => {
  const { remove, start } = leftOverOf(found, "new", new Set(opened));
  return { remove: remove.map(({ id }) => id), start: start.map(({ id }) => id) };
};
const nothing = { remove: [], start: [] };

test("what a deployment had begun goes when its gate was never opened, and what served before stays", () => {
  expect(of([container("web", "new"), container("api", "new"), container("web", "old")])).toEqual({
    remove: ["web-new", "api-new"],
    start: [],
  });
});

test("one that had switched serves, whatever became of it: it stays, also when it has crashed or sleeps since", () => {
  const found = [
    container("web", "new", { running: false }),
    container("api", "new"),
    container("web", "old"),
  ];
  expect(of(found, ["web-new"])).toEqual(nothing);
  const ungated = container("web", "new", { healthy: true, check: { gated: false } });
  expect(of([ungated, container("web", "old")])).toEqual(nothing);
});

test("what was stopped to make room for it starts again, unless the preview sleeps as a whole", () => {
  const database = container("db", "old", { running: false });
  const begun = [container("web", "new"), container("db", "new")];
  expect(of([...begun, container("web", "old"), database])).toEqual({
    remove: ["web-new", "db-new"],
    start: ["db-old"],
  });
  expect(of([...begun, container("web", "old", { running: false }), database]).start).toEqual([]);
  const migrated = container("db", "old", { running: false, completed: true });
  expect(of([...begun, container("web", "old"), migrated]).start).toEqual([]);
});

test("a first deployment leaves nothing when a public service was never asked, or something does not run", () => {
  expect(of([container("web", "new")]).remove).toEqual(["web-new"]);
  expect(of([container("worker", "new", { running: false }), container("db", "new")]).remove).toHaveLength(2);
});

test("where nothing is routed, it is over while something of before is there, and what stands alone may be all that there is", () => {
  expect(of([container("worker", "new"), container("worker", "old")]).remove).toEqual(["worker-new"]);
  expect(of([container("worker", "new"), container("web", "old")])).toEqual(nothing);
  expect(of([container("worker", "new")])).toEqual(nothing);
});

test("of other deployments nothing is touched", () => {
  expect(of([container("web", "newer"), container("web", "old")])).toEqual(nothing);
});
