import { expect, test } from "vitest";
import type { UsageRecord } from "../src/buildkit/index.js";
import { collect } from "./collect.js";
import { contextName, contextRecordsFilter } from "./context-record.js";
import type { Keeper, Kept, KeptHere } from "./kept.js";
import { contextRecords, mountRecords, recordsByRepository } from "./kept-records.js";
import { mountRecordsFilter } from "./mount-record.js";
import { nextToGo } from "./next-to-go.js";
import type { IndexedBuild, RepositoryIndex } from "./repository-index.js";
import { cacheScope, inUse } from "./scope.js";

const { signal } = new AbortController();
const day = (number: number) => `2026-01-0${number}T00:00:00.000Z`;
const item = (repo: string, name: string, used: number, rest: Partial<Kept> = {}): Kept => ({
  ...{ kind: "mount", repo, name, what: name, scope: "base", size: 100, createdAt: null, usedBy: [] },
  ...{ lastUsedAt: day(used), cost: null, inUse: false, ...rest },
});
const here = (...items: Kept[]): KeptHere => ({
  repo: items[0]?.repo ?? "",
  kind: (items[0]?.kind ?? "mount") as KeptHere["kind"],
  bytes: items.reduce((sum, { size }) => sum + size, 0),
  items,
});
/** Removes nothing that is real, and remembers what it was told to. */
function keeper(kept: readonly KeptHere[], remove?: Keeper["remove"]): Keeper & { removed: string[] } {
  const removed: string[] = [];
  return {
    ...{ kind: kept[0]?.kind ?? "mount", removed, list: async () => kept },
    remove: async (gone, ended) => {
      const freed = remove ? await remove(gone, ended) : gone.size;
      if (freed !== undefined) removed.push(gone.name);
      return freed;
    },
  };
}

test("What was used longest ago goes first, of whatever kind; what is in use neither counts nor goes.", async () => {
  const mounts = keeper([here(item("a", "m1", 1), item("a", "m3", 3)), here(item("b", "m2", 2))]);
  const image = { kind: "image" } as const;
  const images = keeper([
    here(item("a", "running", 1, { ...image, inUse: true, size: 5_000 }), item("a", "i4", 4, image)),
  ]);
  const told: string[] = [];
  const { removed, left } = await collect({
    ...{ keepers: [mounts, images], budget: 200, share: 1e9, signal },
    onRemoved: ({ name }) => told.push(name),
  });
  expect(removed.map(({ name }) => name)).toEqual(["m1", "m2"]);
  expect(told).toEqual(["m1", "m2"]);
  expect(removed[0]).toMatchObject({
    kind: "mount",
    repo: "a",
    freed: 100,
    why: expect.stringMatching(/200/),
  });
  expect(left.flatMap(({ items }) => items.map(({ name }) => name)).sort()).toEqual(["i4", "m3", "running"]);
});

test("A repository above its share loses its own, and no other repository pays for it.", async () => {
  const mounts = keeper([here(item("greedy", "g2", 2), item("greedy", "g3", 3)), here(item("b", "b1", 1))]);
  await collect({ keepers: [mounts], budget: 1e9, share: 150, signal });
  expect(mounts.removed).toEqual(["g2"]);
});

test("A fork pushes out nobody but forks, however recently it has used what it left; what is asked to go by age goes by age.", async () => {
  const fork = { scope: "fork-pr-7" };
  const full = () => [
    here(item("a", "base1", 1), item("a", "fork8", 8, fork), item("a", "fork9", 9, fork)),
    here(item("b", "other2", 2)),
  ];
  const over = async (limits: {
    readonly budget: number;
    readonly share: number;
    readonly before?: string;
  }) => {
    const mounts = keeper(full());
    await collect({ ...{ keepers: [mounts], signal }, ...limits });
    return mounts.removed;
  };
  expect(await over({ budget: 1e9, share: 250 })).toEqual(["fork8"]);
  expect(await over({ budget: 250, share: 1e9 })).toEqual(["fork8", "fork9"]);
  expect(await over({ budget: 1e9, share: 50 })).toEqual(["fork8", "fork9", "base1", "other2"]);
  expect(await over({ budget: 1e9, share: 1e9, before: day(2) })).toEqual(["base1"]);
});

test("What turns out to be in use stays, and something else goes in its place; of that which a build may use nothing goes.", async () => {
  const mounts = keeper(
    [here(item("a", "busy", 1), item("a", "taken", 2), item("a", "free", 3))],
    async (gone) => (gone.name === "taken" ? undefined : gone.size),
  );
  await collect({
    ...{ keepers: [mounts], budget: 200, share: 1e9, signal },
    isBusy: ({ name }) => name === "busy",
  });
  expect(mounts.removed).toEqual(["free"]);
});

test("An engine that is away keeps nobody from collecting what is stored.", async () => {
  const away: Keeper = {
    kind: "record",
    list: async () => {
      throw new Error("no engine");
    },
    remove: async () => undefined,
  };
  const stored = keeper([here(item("a", "one", 1))]);
  const failed: string[] = [];
  const options = { keepers: [away, stored], budget: 0, share: 0, signal };
  await collect({ ...options, onFailed: (kind, { message }) => failed.push(`${kind}: ${message}`) });
  expect(stored.removed).toEqual(["one"]);
  expect(failed).toEqual(["record: no engine"]);
  await expect(collect(options)).rejects.toThrow("no engine");
});

test("Room that is asked for is made, whatever the budget still allows, and not much more of it.", async () => {
  const stored = keeper([here(item("a", "one", 1), item("a", "two", 2), item("a", "three", 3))]);
  await collect({ keepers: [stored], budget: 1e9, share: 1e9, spare: 150, signal });
  expect(stored.removed).toEqual(["one", "two"]);
});

test("What was not used since a time goes first, also where there is room for it.", () => {
  const kept = [here(item("a", "one", 1), item("a", "two", 2))];
  const limits = { budget: 1e9, share: 1e9 };
  expect(nextToGo(kept, { ...limits, before: day(2) }, () => false)?.item.name).toBe("one");
  expect(nextToGo(kept, { ...limits, before: day(1) }, () => false)).toBeUndefined();
});

const build = (at: number, mounts: string[], scope = "base", contexts: string[] = []): IndexedBuild => ({
  ...{ mounts, contexts },
  ...{ id: `b${at}`, service: "web", scope, at: day(at), took: 1_000, built: true, steps: 1, cached: 0 },
});
const index = (repoKey: string, builds: IndexedBuild[]): [string, RepositoryIndex] => [
  repoKey,
  { v: 1, repoKey, storedBytes: 0, mounts: [], builds },
];
const record = (id: string, mount: string, used: string, rest: Partial<UsageRecord> = {}): UsageRecord =>
  ({
    ...{ id, type: "exec.cachemount", size: 10, inUse: false, createdAt: day(1), lastUsedAt: used },
    description: `cached mount /m from exec sh with id ${JSON.stringify(mount)}`,
    ...rest,
  }) as UsageRecord;

test("Of BuildKit's records only cache mounts of repositories that we have built are ours.", () => {
  const found = recordsByRepository(
    [
      record("r1", "shop-1//root/.npm", day(3)),
      record("r2", "shop-1~fork-pr-7//root/.npm", day(3)),
      record("r3", "shop-12//root/.npm", day(3)),
      record("r4", "//root/.npm", day(3)),
      record("r5", "x", day(3), { type: "regular", description: 'mount / from exec sh with id "shop-1/x"' }),
    ],
    new Map([index("shop-1", [build(3, ["/root/.npm"])])]),
    mountRecords,
  );
  expect(found).toMatchObject([
    { repo: "shop-1", kind: "record", bytes: 10, items: [{ name: "r1", what: "/root/.npm", scope: "base" }] },
  ]);
});

test("A context is a repository's by the name that its build has given it, and a fork's is the fork's.", () => {
  const scope = (pr: number | null, fork: boolean) => cacheScope({ repoKey: "shop-1", pr, fork });
  const context = (id: string, name: string, type = "source.local") =>
    record(id, "", day(3), { type: type as "source.local", description: `local source for ${name}` });
  const found = recordsByRepository(
    [
      context("whole", contextName(scope(null, false), ".")),
      context("folder", contextName(scope(5, false), "./services/a b~ü/")),
      context("fork", contextName(scope(7, true), ".")),
      context("unused", contextName(scope(null, false), "other")),
      context("stranger", contextName({ namespace: "shop-12" }, ".")),
      context("plain", "context"),
      context("odd", "galley/shop-1/context/%"),
      context("step", contextName(scope(null, false), "."), "regular"),
    ],
    new Map([
      index("shop-1", [build(3, [], "base", [".", "services/a b~ü"]), build(2, [], "fork-pr-7", ["."])]),
    ]),
    contextRecords,
  );
  const items = found.flatMap(({ items }) => items);
  expect(items.map(({ name, what, scope }) => [name, what, scope])).toEqual([
    ["whole", ".", "base"],
    ["folder", "services/a b~ü", "base"],
    ["fork", ".", "fork-pr-7"],
  ]);
  expect(items[0]).toMatchObject({ kind: "context", repo: "shop-1", size: 10, cost: null, usedBy: ["b3"] });
  expect(contextName(scope(null, false), "services/a b~ü")).toMatch(/^[!-~]+$/);
});

test("What another agent on the engine has used since our last build is not ours to remove.", () => {
  const [kept] = recordsByRepository(
    [
      record("unknown", "shop-1/d", day(1)),
      record("ours", "shop-1/a", "2026-01-03T00:00:20.123456789Z"),
      record("theirs", "shop-1/b", day(4)),
      record("building", "shop-1/c", day(2), { inUse: true }),
    ],
    new Map([index("shop-1", [build(3, ["a", "b"]), build(2, ["a", "c"])])]),
    mountRecords,
  );
  expect(kept?.items.map(({ name, inUse: stays }) => [name, stays])).toEqual([
    ["ours", false],
    ["theirs", true],
    ["building", true],
  ]);
});

test("A filter for what no repository has is none, as an empty one would mean everything.", () => {
  expect([mountRecordsFilter([]), contextRecordsFilter([])]).toEqual([undefined, undefined]);
  expect(contextRecordsFilter(["a.b-1", "c"])).toBe(
    'type==source.local,description~="^local source for galley/(a\\\\.b-1|c)[/~]"',
  );
  expect(mountRecordsFilter(["a.b-1", "c"])).toBe(
    'type==exec.cachemount,description~=" with id \\"(a\\\\.b-1|c)[/~]"',
  );
});

test("A build uses what its own scope keeps, and a fork's the base's too; another repository's never.", () => {
  const fork = cacheScope({ repoKey: "shop-1", pr: 7, fork: true }).namespace;
  const own = cacheScope({ repoKey: "shop-1", pr: 8, fork: false }).namespace;
  expect([inUse([own], "shop-1", "base"), inUse([fork], "shop-1", "base")]).toEqual([true, true]);
  expect([inUse([own], "shop-1", "fork-pr-7"), inUse([fork], "shop-1", "fork-pr-7")]).toEqual([false, true]);
  expect(inUse([fork, own], "shop-12", "base")).toBe(false);
});
