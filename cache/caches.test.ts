import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from "vitest";
import {
  type BuildGraph,
  type BuildKitClient,
  createFilesTree,
  type SessionService,
} from "../src/buildkit/index.js";
import { readBuildRecord } from "./build-record.js";
import { type CachesOptions, openCaches } from "./caches.js";
import { readImageUses } from "./image-uses.js";
import { cachePlaces } from "./places.js";
import { cacheScope } from "./scope.js";

const repoKey = "repo-a";
let dataDirectory: string;
beforeEach(async () => {
  dataDirectory = await mkdtemp(join(tmpdir(), "galley-caches-"));
});
afterEach(() => rm(dataDirectory, { recursive: true, force: true }));

const graph: BuildGraph = { steps: [], part: () => ({}), again: undefined };

function begin(options: Partial<CachesOptions>) {
  const caches = openCaches({
    ...{ dataDirectory, budget: 1e9, share: 1e9, now: Date.now, log: { info: () => {}, warn: () => {} } },
    connect: async () => {
      throw new Error("no engine");
    },
    ...options,
  });
  let open = 0;
  const start = async (id: string, service = "web") => {
    const begun = caches.begin({
      ...{ scope: cacheScope({ repoKey, pr: null, fork: false }), build: id, service, useCache: true },
      ...{ client: {} as BuildKitClient, auth: {} as SessionService, note: () => {} },
      tree: createFilesTree(new Map()),
      signal: new AbortController().signal,
    });
    await begun.onGraph(graph);
    return begun;
  };
  const build = async (id: string, service = "web") => {
    open += 1;
    const begun = await start(id, service);
    return begun.end({ sharedKey: "k" }).then(() => {
      open -= 1;
    });
  };
  return { caches, start, build, open: () => open };
}
const recordOf = (id: string) => readBuildRecord(cachePlaces(dataDirectory, repoKey).builds, id);

test("What a build has used is written down although the process is told to end at that moment, and while layers of others are being stored.", async () => {
  let connecting = () => {};
  const busy = new Promise<void>((resolve) => {
    connecting = resolve;
  });
  const { caches, build } = begin({
    connect: (signal) =>
      new Promise((_, reject) => {
        connecting();
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      }),
  });
  const first = build("first");
  await busy;
  // Behind what takes long.
  const second = build("second", "api");
  caches.usedImages({ repoKey, images: ["sha256:1"], deployment: "d" });
  await expect.poll(() => recordOf("first")).toBeDefined();
  await caches.close();
  await Promise.all([first, second]);
  expect(await recordOf("second")).toMatchObject({ id: "second", built: true });
  expect([...(await readImageUses(dataDirectory, repoKey)).keys()]).toEqual(["sha256:1"]);
});

test("Of builds of one service that wait for their layers to be stored the newest is stored; the others let their contexts go at once.", async () => {
  const connected: (() => void)[] = [];
  let asked = 0;
  const { caches, build, open } = begin({
    connect: () => {
      asked += 1;
      return new Promise((_, reject) => connected.push(() => reject(new Error("no engine"))));
    },
  });
  const all = [build("web-1")];
  await expect.poll(() => connected.length).toBe(1);
  for (const id of ["web-2", "web-3", "api-1", "web-4"]) all.push(build(id, id.slice(0, 3)));
  // The first one is being stored, the second and third are superseded.
  await Promise.all([all[1], all[2]]);
  expect(open()).toBe(3);
  for (let turn = 0; turn < 3; turn += 1) {
    await expect.poll(() => connected.length).toBe(1);
    connected.shift()?.();
  }
  await Promise.all(all);
  await caches.settled();
  expect(asked).toBe(3);
  for (const id of ["web-1", "web-2", "web-3", "web-4", "api-1"]) expect(await recordOf(id)).toBeDefined();
  await caches.close();
});

test.each(["when nothing is built or stored any more", "after five minutes of that at the latest"])(
  "Nothing is collected while builds run, or their layers wait to be stored, but %s.",
  async (when) => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    let time = 1_000_000;
    let collected = 0;
    let tell = () => {};
    const isCollected = new Promise<void>((resolve) => {
      tell = resolve;
    });
    const { caches, start, build } = begin({
      now: () => time,
      onCollected: () => {
        collected += 1;
        tell();
      },
    });
    const running = await start("running", "api");
    const stored = build("ended");
    await expect.poll(() => recordOf("ended")).toBeDefined();
    for (let minute = 0; minute < 4; minute += 1) {
      time += 60_000;
      vi.advanceTimersByTime(60_000);
    }
    if (when.startsWith("when")) {
      await running.end(undefined);
      await stored;
      await caches.settled();
    } else time += 120_000;
    expect(collected).toBe(0);
    vi.advanceTimersByTime(60_000);
    await isCollected;
    await caches.close();
  },
);
