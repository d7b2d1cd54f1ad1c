import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Removed } from "../../cache/index.js";
import { cachePlaces } from "../../cache/places.js";
import { readIndex, refreshIndex } from "../../cache/repository-index.js";
import { keepRepository } from "../support/cache-store.js";
import { labEngines, onEachEngine } from "../support/engines.js";
import { galley } from "../support/galley.js";
import { filesBelow } from "./files-below.js";
import { type SmallDisk, smallDisk } from "./small-disk.js";
import { cacheWorld, unique } from "./world.js";

const { signal } = new AbortController();
let disk: SmallDisk;
beforeEach(async () => {
  disk = await smallDisk(4);
});
afterEach(() => disk.remove());

/** To the last byte. */
const fill = async () => {
  for (const bytes of [1e6, 1e3, 1])
    for (let number = 0; ; number += 1)
      try {
        await writeFile(join(disk.path, `full-${bytes}-${number}`), Buffer.alloc(bytes));
      } catch (error) {
        expect(error).toMatchObject({ code: "ENOSPC" });
        break;
      }
};
const mount = { id: "/root/.npm", storedAt: "2026-01-01T00:00:00.000Z", stored: 500_000 };
const directories = [{ path: ".", bytes: 500_000, files: 9 }];

test("On a full disk an index stays as it was, and nothing of the one that could not be written is left.", async () => {
  const repo = "repo-full";
  await keepRepository(disk.path, repo, { mounts: [{ ...mount, directories }] });
  const places = cachePlaces(disk.path, repo);
  const before = await readIndex(places);
  await fill();
  await expect(refreshIndex(places, signal)).rejects.toMatchObject({ code: "ENOSPC" });
  expect(await readIndex(places)).toEqual(before);
  expect((await filesBelow(places.directory)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
});

test("What is kept can be removed from a full disk, which is what makes room on it.", async () => {
  const repo = "repo-full";
  await keepRepository(disk.path, repo, { mounts: [{ ...mount, directories }] });
  await fill();
  const [engine] = labEngines();
  const cache = (...args: string[]) => galley(engine!, ["cache", ...args, "--data-dir", disk.path, "--json"]);
  const pruned = await cache("prune", repo);
  expect(pruned, pruned.stderr).toMatchObject({ code: 0 });
  expect(JSON.parse(pruned.stdout).freed).toBeGreaterThan(500_000);
  expect(JSON.parse((await cache("show", repo)).stdout).mounts).toEqual([]);
});

test("On a full disk a collection brings what is kept within its limits all the same, and the index says what is left.", async () => {
  const repo = "repo-full";
  const newer = { ...mount, id: "/var/cache/npm", storedAt: "2026-01-02T00:00:00.000Z" };
  await keepRepository(disk.path, repo, { mounts: [mount, newer].map((one) => ({ ...one, directories })) });
  await fill();
  const [engine] = labEngines();
  const removed: Removed[] = [];
  const share = 700_000;
  const world = await cacheWorld(engine!, {
    ...{ dataDirectory: disk.path, budget: 1e9, share },
    onRemoved: (one) => removed.push(one),
  });
  try {
    await world.caches.collect();
    expect(removed).toMatchObject([{ kind: "mount", repo, what: mount.id }]);
    const index = await readIndex(cachePlaces(disk.path, repo));
    expect(index?.mounts).toMatchObject([{ id: newer.id }]);
    expect(index?.storedBytes).toBeLessThanOrEqual(share);
    expect(world.warnings).toEqual([]);
  } finally {
    await world.caches.close();
    world.client.close();
  }
});

onEachEngine((engine) => {
  test("On a full disk nothing is kept of a cache mount, and the build does not mind; what was stored is filled in.", async () => {
    const world = await cacheWorld(engine, { dataDirectory: disk.path });
    const [small, large] = [unique("small"), unique("large")];
    const step = (id: string, command: string) =>
      `RUN --mount=type=cache,id=${id},target=/m : ${id}; ${command}`;
    try {
      await world.build(step(small, "echo small > /m/file"));
      const places = cachePlaces(disk.path, "repo-a");
      const before = await filesBelow(places.chunks);
      expect(before).not.toEqual([]);
      const built = await world.build(step(large, "head -c 9000000 /dev/urandom > /m/file && echo built"));
      expect(built).toBe("built\n");
      expect(world.warnings.splice(0).join()).toMatch(/storing cache mounts failed.*ENOSPC/);
      expect(await filesBelow(places.chunks)).toEqual(before);
      await fill();
      await world.forget(small);
      expect(await world.build(step(small, "cat /m/file # again"))).toBe("small\n");
      expect(world.warnings.join()).not.toContain("are not used");
    } finally {
      await world.forget(small);
      await world.forget(large);
      await world.caches.close();
      world.client.close();
    }
  });
});
