import { expect, test } from "vitest";
import { decide, type Wanted } from "./decide.js";
import type { FoundService } from "./found.js";

const check = {
  needs: [],
  engine: false,
  gated: false,
  routed: false,
  once: false,
  mayEnd: false,
  seconds: 60,
};
const wanted = (
  name: string,
  more: { needs?: string[]; settings?: string } & Partial<Wanted> = {},
): Wanted => ({
  service: {
    name,
    ephemeral: more.service?.ephemeral,
    dependsOn: (more.needs ?? []).map((service) => ({ service, until: "healthy" as const })),
  },
  settings: more.settings ?? "same",
  inPlace: more.inPlace ?? false,
  mayEnd: more.mayEnd ?? false,
});
const found = (service: string, number: number, more: Partial<FoundService> = {}): FoundService => ({
  id: `${service}-${number}-id`,
  name: `${service}-${number}`,
  service,
  deployment: `dep${number}`,
  number,
  settings: "same",
  check,
  alone: false,
  running: true,
  healthy: false,
  completed: false,
  links: {},
  ...more,
});
const decisions = (all: Wanted[], there: FoundService[]) => decide(all, there, (service) => `${service}-9`);

test("what has not changed stays, and what is new knows the others by the names of its own deployment", () => {
  const db = found("db", 1);
  const all = decisions(
    [wanted("db"), wanted("web", { needs: ["db"], settings: "new" })],
    [found("web", 1, { links: { db: "db-1" } }), db],
  );
  expect(all.get("db")).toMatchObject({ stays: db, name: "db-1", before: [] });
  expect(all.get("web")).toMatchObject({ stays: undefined, name: "web-9", links: { db: "db-1" } });
  expect(all.get("web")?.before.map(({ name }) => name)).toEqual(["web-1"]);
});

test("whatever depends on what is replaced is replaced, too, through any number of services", () => {
  const links = { db: "db-1", api: "api-1" };
  const all = decisions(
    [wanted("db", { settings: "new" }), wanted("api", { needs: ["db"] }), wanted("web", { needs: ["api"] })],
    [found("web", 1, { links }), found("api", 1, { links }), found("db", 1)],
  );
  expect([...all.values()].map(({ stays }) => stays)).toEqual([undefined, undefined, undefined]);
  expect(all.get("web")?.links).toEqual({ db: "db-9", api: "api-9" });
});

test("a container that stays goes on to reach a service that it does not depend on when that is replaced", () => {
  const worker = found("worker", 3, { links: { api: "api-2" } });
  const all = decisions(
    [wanted("worker"), wanted("api", { settings: "new" })],
    [worker, found("api", 4, { links: { worker: "worker-3" } })],
  );
  expect(all.get("worker")?.stays).toBe(worker);
  expect(all.get("api")?.aliases).toEqual(["api", "api-2"]);
});

test("new containers beside old ones do not take the names by which the old ones know each other", () => {
  const all = decisions(
    [wanted("api", { settings: "new" }), wanted("web", { settings: "new" })],
    [found("web", 1, { links: { api: "api-1" } }), found("api", 1, { links: { web: "web-1" } })],
  );
  expect(all.get("api")?.aliases).toEqual(["api"]);
});

test("a database that takes over a volume answers to the old one's name, as those that still serve have lost it", () => {
  const all = decisions(
    [wanted("db", { settings: "new", inPlace: true }), wanted("web", { needs: ["db"] })],
    [found("web", 1, { links: { db: "db-1" } }), found("db", 1)],
  );
  expect(all.get("db")?.aliases).toEqual(["db", "db-1"]);
});

test("of several containers the newest that fits stays, so that a deployment that was cut off is taken up", () => {
  const all = decisions([wanted("web")], [found("web", 2), found("web", 1)]);
  expect(all.get("web")?.stays?.name).toBe("web-2");
  expect(all.get("web")?.before.map(({ name }) => name)).toEqual(["web-1"]);
  const other = decisions([wanted("web")], [found("web", 2, { settings: "other" }), found("web", 1)]);
  expect(other.get("web")?.stays?.name).toBe("web-1");
});

test("a container that knows another one than the one that stays does not stay", () => {
  const all = decisions(
    [wanted("db"), wanted("web", { needs: ["db"] })],
    [found("db", 2), found("web", 1, { links: { db: "db-1" } })],
  );
  expect(all.get("web")?.stays).toBeUndefined();
});

test("what has ended is made anew unless it may, and what keeps nothing always is", () => {
  const stays = (one: Wanted, there: Partial<FoundService>) =>
    decisions([one], [found("x", 1, there)]).get("x")?.stays !== undefined;
  expect(stays(wanted("x"), { running: false, completed: true })).toBe(false);
  expect(stays(wanted("x", { mayEnd: true }), { running: false, completed: true })).toBe(true);
  expect(stays(wanted("x", { mayEnd: true }), { running: false, completed: false })).toBe(false);
  expect(stays(wanted("x", { service: { name: "x", dependsOn: [], ephemeral: true } }), {})).toBe(false);
});
