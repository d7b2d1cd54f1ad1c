import { expect, test } from "vitest";
import { cutOffOf, replacedOf } from "./cut-off.js";
import type { FoundService } from "./found.js";
import { container } from "./found.testing.js";

const cutOff = (found: FoundService[], served = 1) => {
  const { remove, start } = cutOffOf(found, served);
  return { remove: remove.map(({ id }) => id), start: start.map(({ id }) => id) };
};
const nothing = { remove: [], start: [] };
const stopped = { running: false } as const;
const ended = { running: false, completed: true } as const;

test("of a deployment that was cut off, a database in whose place nothing runs starts again, and the rest is left to what comes", () => {
  const web = [container("web", "new"), container("web", "old")];
  const old = container("db", "old", ended);
  const cut = { remove: ["db-new"], start: ["db-old"] };
  expect(cutOff([...web, container("db", "new", stopped), old])).toEqual(cut);
  expect(cutOff([container("db", "new", stopped), old])).toEqual(cut);
  // One that runs has its volume, and answers to its name.
  expect(cutOff([...web, container("db", "new"), old])).toEqual(nothing);
  expect(cutOff([...web, container("db", "new")])).toEqual(nothing);
});

test("of one that had served, or of which the preview slept before, nothing starts", () => {
  const databases = [container("db", "new", stopped), container("db", "old", stopped)];
  expect(cutOff([container("web", "new"), container("web", "old"), ...databases], 2)).toEqual(nothing);
  expect(cutOff([container("web", "new"), container("web", "old", stopped), ...databases])).toEqual(nothing);
  expect(cutOff(databases, 0)).toEqual(nothing);
});

const replaced = (found: FoundService[], served = 2) => replacedOf(found, served).map(({ id }) => id);
/** A new public service whose gate is open, and which knows these others. */
const web = (links: Record<string, string> = {}) => container("web", "new", { healthy: true, links });

test("of a deployment that serves and was cut off, what it has replaced goes, and what it has kept stays", () => {
  const links = { api: "api-new", db: "db-old" };
  const found = [
    web(links),
    container("api", "new"),
    container("web", "old", { healthy: true }),
    container("api", "old"),
    container("db", "old"),
  ];
  expect(replaced(found)).toEqual(["web-old", "api-old"]);
});

test("what it does not have any more goes, too, and a database that was stopped for another one", () => {
  const links = { db: "db-new" };
  const found = [
    web(links),
    container("db", "new"),
    container("db", "old", stopped),
    container("late", "old"),
  ];
  expect(replaced(found)).toEqual(["db-old", "late-old"]);
});

test("what was kept of two attempts is told by its name, not by which one is newer", () => {
  const served = container("web", "served", { number: 3, healthy: true, links: { api: "api-old" } });
  const found = [served, container("api", "never"), container("api", "old")];
  expect(replaced(found, 3)).toEqual(["api-never"]);
});

test("while a gate of it is shut nothing goes: the one before is still asked", () => {
  const shut = container("shop", "new");
  const found = [
    web({ shop: "shop-new" }),
    container("web", "old"),
    { ...shut, check: { ...shut.check, gated: true } },
  ];
  expect(replaced(found)).toEqual([]);
});

test("what was never done has replaced nothing, and neither has one of which nothing is there", () => {
  expect(replaced([container("web", "new"), container("web", "old")], 1)).toEqual([]);
  expect(replaced([container("web", "new")], 0)).toEqual([]);
  expect(replaced([container("web", "old")], 1)).toEqual([]);
});
