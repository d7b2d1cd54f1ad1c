import { afterAll, beforeAll, expect, test } from "vitest";
import { readBuildRecord } from "../../cache/build-record.js";
import type { Removed } from "../../cache/index.js";
import { listRepositories } from "../../cache/inspect.js";
import { cachePlaces } from "../../cache/places.js";
import { readIndex, refreshIndex } from "../../cache/repository-index.js";
import { verifyStored } from "../../cache/verify.js";
import { onEachEngine } from "../support/engines.js";
import { type CacheWorld, cacheWorld, unique } from "./world.js";

onEachEngine((engine) => {
  const { signal } = new AbortController();
  const removed: Removed[] = [];
  const storesLayers = engine.store === "containerd";
  // It is too little for all ten. Layers hold the base image, too.
  const budget = storesLayers ? 5_500_000 : 4_500_000;
  const share = storesLayers ? 4_500_000 : 2_500_000;
  let world: CacheWorld;
  beforeAll(async () => {
    world = await cacheWorld(engine, { budget, share, onRemoved: (one) => removed.push(one) });
  });
  afterAll(() => world.remove());

  test("Fifty builds of ten repositories at once succeed while what is kept is collected; after that the budget holds and every index is whole.", async () => {
    const token = unique("load");
    const repositories = Array.from({ length: 10 }, (_, number) => `${token}-${number}`);
    const mount = (id: string) => `--mount=type=cache,id=${id},target=/m`;
    const steps = (id: string, half: number) => [
      `RUN ${mount(id)} head -c 300000 /dev/urandom > /m/${half} && echo ${id}`,
      // A collection that took away a mount between two steps would fail the second: nothing that differs from engine to engine.
      ...(engine.name === "28" ? [`RUN ${mount(id)} test -s /m/${half} && echo ${id} > /made`] : []),
    ];
    const lines = (id: string, half: number) => steps(id, half).join("\n");
    const builds = repositories.flatMap((repoKey) =>
      Array.from({ length: 5 }, (_, number) =>
        world.build(lines(repoKey, number % 2), { repoKey, id: `${repoKey}-${number}` }),
      ),
    );
    const collecting = (async () => {
      for (let round = 0; round < 5; round += 1) await world.caches.collect();
    })();
    await Promise.all([...builds, collecting]);
    await world.caches.settled();
    await world.caches.collect();
    // Where records are pruned meanwhile, BuildKit forgets builds before their layers are stored.
    expect(world.warnings.filter((text) => !text.includes("forgotten the build"))).toEqual([]);
    expect(removed.length).toBeGreaterThan(0);
    const kept = await listRepositories(world.dataDirectory);
    expect(kept.map(({ repoKey }) => repoKey).sort()).toEqual([...repositories].sort());
    const bytes = kept.map((one) => one.storedBytes + one.layerBytes + one.recordBytes);
    for (const one of bytes) expect(one).toBeLessThanOrEqual(share);
    expect(bytes.reduce((sum, one) => sum + one, 0)).toBeLessThanOrEqual(budget);
    for (const { repoKey, builds: remembered } of kept) {
      expect(remembered).toBe(5);
      const places = cachePlaces(world.dataDirectory, repoKey);
      expect(await refreshIndex(places, signal)).toEqual(await readIndex(places));
    }
    const damaged: string[] = [];
    await verifyStored(world.dataDirectory, signal, ({ what, sound }) => {
      if (!sound) damaged.push(what);
    });
    expect(damaged).toEqual([]);
    if (storesLayers) {
      const [repoKey = ""] = repositories;
      const step = lines(repoKey, 0);
      await world.build(step, { repoKey });
      expect(await world.forget(repoKey)).toBeGreaterThan(0);
      const id = `${repoKey}-again`;
      await world.build(step, { repoKey, id });
      const again = await readBuildRecord(cachePlaces(world.dataDirectory, repoKey).builds, id);
      expect(again).toMatchObject({ layers: ["base"], steps: [{ cached: true }] });
    }
    await world.forget(token);
  });
});
