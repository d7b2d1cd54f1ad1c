import { expect, test } from "vitest";
import { type LeftOver, leftOverOf } from "./attempt.js";
import type { FoundService } from "./found.js";
import { container } from "./found.testing.js";

const ids = ({ remove, start }: LeftOver) => ({
  remove: remove.map(({ id }) => id),
  start: start.map(({ id }) => id),
});
/** The old one has served, unless something else is said; the newest come first. */
const of = (found: FoundService[], served = 1) => ids(leftOverOf(found, "new", served));
const nothing = { remove: [], start: [] };
const stopped = { running: false } as const;
const ended = { running: false, completed: true } as const;

test("what a deployment had begun goes when it never served, and what served before stays", () => {
  expect(of([container("web", "new"), container("api", "new"), container("web", "old")])).toEqual({
    remove: ["web-new", "api-new"],
    start: [],
  });
});

test("one that had switched serves, whatever became of it: it stays, also when it has crashed or sleeps since", () => {
  const found = [container("web", "new", stopped), container("api", "new"), container("web", "old")];
  expect(of(found, 2)).toEqual(nothing);
});

test("without a public service it goes the same way: beside what was there, as a service that is new, and alone", () => {
  expect(of([container("worker", "new"), container("worker", "old")]).remove).toEqual(["worker-new"]);
  expect(of([container("worker", "new"), container("web", "old")]).remove).toEqual(["worker-new"]);
  expect(of([container("worker", "new"), container("db", "new")], 0).remove).toHaveLength(2);
  expect(of([container("worker", "new")], 2)).toEqual(nothing);
});

test("a container of its that a later deployment has taken over stays", () => {
  const later = container("web", "later", { number: 3 });
  expect(of([later, container("worker", "new")], 3)).toEqual(nothing);
});

test("what was stopped to make room for it starts again, unless the preview sleeps as a whole", () => {
  const database = container("db", "old", stopped);
  const begun = [container("web", "new"), container("db", "new")];
  expect(of([...begun, container("web", "old"), database])).toEqual({
    remove: ["web-new", "db-new"],
    start: ["db-old"],
  });
  expect(of([...begun, container("web", "old", stopped), database]).start).toEqual([]);
  // A database that was told to end has ended well, and is meant to go on.
  expect(of([...begun, container("web", "old"), container("db", "old", ended)]).start).toEqual(["db-old"]);
  const migrated = container("db", "old", { ...ended, check: { mayEnd: true } });
  expect(of([...begun, container("web", "old"), migrated]).start).toEqual([]);
});

test("where there is nothing but a database, and of two of it only the newest, it starts again, too", () => {
  const begun = container("db", "new", { number: 3 });
  const databases = [container("db", "old", { ...stopped, number: 2 }), container("db", "older", stopped)];
  expect(of([begun, ...databases], 2)).toEqual({ remove: ["db-new"], start: ["db-old"] });
});

test("of other deployments nothing is touched", () => {
  expect(of([container("web", "newer"), container("web", "old")])).toEqual(nothing);
});
