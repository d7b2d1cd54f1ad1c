import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { build as bundle } from "esbuild";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { readBuildRecord } from "../../cache/build-record.js";
import { readStoredLayers } from "../../cache/layer-store.js";
import { cachePlaces } from "../../cache/places.js";
import { readIndex, refreshIndex } from "../../cache/repository-index.js";
import { readStoredMount } from "../../cache/stored-mount.js";
import { verifyStored } from "../../cache/verify.js";
import { onEachEngine } from "../support/engines.js";
import type { BuildTask } from "./build-process.js";
import { filesBelow } from "./files-below.js";
import { type CacheWorld, cacheWorld, unique } from "./world.js";

const script = fileURLToPath(
  new URL(`../../dist/test-cache/build-process-${process.pid}.mjs`, import.meta.url),
);
beforeAll(() =>
  bundle({
    entryPoints: [fileURLToPath(new URL("build-process.ts", import.meta.url))],
    outfile: script,
    ...{ bundle: true, platform: "node", format: "esm", target: "node20" },
    ...{ packages: "external", logLevel: "error" },
  }),
);
afterAll(() => rm(script, { force: true }));

onEachEngine((engine) => {
  let world: CacheWorld;
  beforeEach(async () => {
    world = await cacheWorld(engine);
  });
  afterEach(() => world.remove());

  /** Runs a build, or a collection, in a process of its own and kills that as soon as something is so. */
  const killedWhen = async (build: BuildTask["build"], isSo: () => Promise<boolean>): Promise<void> => {
    const task: BuildTask = { engine, dataDirectory: world.dataDirectory, ...(build ? { build } : {}) };
    const child = spawn(process.execPath, [script, JSON.stringify(task)], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    const exited = once(child, "exit");
    while (child.exitCode === null && !(await isSo())) await pause(1);
    child.kill("SIGKILL");
    expect(await exited, "it was to be killed before it had ended").toEqual([null, "SIGKILL"]);
  };
  const allSound = async () => {
    const sound: boolean[] = [];
    await verifyStored(world.dataDirectory, AbortSignal.timeout(60_000), (one) => sound.push(one.sound));
    expect(sound.length).toBeGreaterThan(0);
    expect(sound).not.toContain(false);
  };

  test("Killed while it stores or fills a cache mount, it leaves what was stored before, and the next build a mount that is whole.", async () => {
    const id = unique("killed");
    const repoKey = unique("repo");
    const places = cachePlaces(world.dataDirectory, repoKey);
    const mount = `--mount=type=cache,id=${id},target=/m : ${id};`;
    // Another one to be filled: what a process that was killed had opened, 20.10 holds, and no prune removes it.
    const other = unique("other");
    const fillable = `--mount=type=cache,id=${other},target=/m : ${other};`;
    const stored = () => readStoredMount(places.mount("base", id));
    const storedOther = () => readStoredMount(places.mount("base", other));
    const random = (bytes: number) => `head -c ${bytes} /dev/urandom > /m/large`;
    await world.build(
      `RUN ${mount} echo old > /m/old\nRUN ${fillable} echo old > /m/old && ${random(10_000_000)}`,
      {
        repoKey,
      },
    );
    const before = await stored();
    const few = (await filesBelow(places.chunks)).length;
    await killedWhen(
      { lines: `RUN ${mount} ${random(40_000_000)}`, options: { repoKey } },
      async () => (await filesBelow(places.chunks)).length > few + 2,
    );
    expect(await stored()).toEqual(before);
    await allSound();
    // The engine has what was to be stored; what was written of it half-way is used, or goes.
    await world.build(`RUN ${mount} echo more > /m/more`, { repoKey });
    const after = await stored();
    expect(after?.content.bytes).toBeGreaterThan(40_000_000);
    expect((await filesBelow(places.chunks)).sort()).toEqual(
      [
        ...new Set([after, await storedOther()].flatMap((one) => one?.chunks.map(({ digest }) => digest))),
      ].sort(),
    );
    await world.forget(other);
    const look = `RUN ${fillable} cat /m/old && stat -c %s /m/large #`;
    await killedWhen(
      { lines: `${look} killed`, options: { repoKey } },
      async () => (await filesBelow(places.filling)).length > 0,
    );
    expect(await world.build(`${look} again`, { repoKey })).toBe("old\n10000000\n");
    expect(await filesBelow(places.filling)).toEqual([]);
    // Layers are no matter here: an engine on which others prune may have lost a step before it is stored.
    expect(world.warnings.filter((text) => !text.startsWith("storing layers"))).toEqual([]);
    await world.forget(id);
    await world.forget(other);
  });

  // 20.10 does not say whose a mount is: nothing of it is removed.
  if (engine.name !== "20")
    test("Killed while a collection removes what the engine holds, it leaves the rest to the next one, and every index whole.", async () => {
      const repoKey = unique("repo");
      const token = unique("many");
      const places = cachePlaces(world.dataDirectory, repoKey);
      const ids = Array.from({ length: 6 }, (_, number) => `${token}-${number}`);
      const mounts = ids.map((id, number) => `--mount=type=cache,id=${id},target=/m${number}`).join(" ");
      const step = `RUN ${mounts} for at in /m*; do test -e $at/file || { date > $at/file; echo new; }; done`;
      expect(await world.build(step, { repoKey })).toBe("new\n".repeat(ids.length));
      const held = async () => {
        const all = await world.client.diskUsage();
        return ids.filter((id) => all.some(({ description }) => description.includes(`/${id}"`)));
      };
      expect(await held()).toEqual(ids);
      await killedWhen(undefined, async () => (await held()).length < ids.length);
      expect((await held()).length).toBeGreaterThan(0);
      const { signal } = new AbortController();
      await verifyStored(world.dataDirectory, signal, ({ what, sound }) => expect(sound, what).toBe(true));
      const poor = await cacheWorld(engine, { dataDirectory: world.dataDirectory, budget: 1, share: 1 });
      await poor.caches.collect();
      await poor.caches.close();
      poor.client.close();
      expect(await held()).toEqual([]);
      expect(await refreshIndex(places, signal)).toEqual(await readIndex(places));
      // What has gone from both is made anew.
      expect(await world.build(`${step} # again`, { repoKey })).toBe("new\n".repeat(ids.length));
      expect(await readStoredMount(places.mount("base", String(ids[0])))).toBeDefined();
      await world.forget(token);
    });

  // Of the engines here none else can export layers.
  if (engine.store === "containerd")
    test("Killed while layers are exported or read, it leaves what was stored before, and the next build has them.", async () => {
      const repoKey = unique("repo");
      const token = unique("layers");
      const places = cachePlaces(world.dataDirectory, repoKey);
      const stored = () => readStoredLayers(places.layersOf("base", "web"));
      await world.build(`RUN echo ${token} > /first`, { repoKey });
      const before = await stored();
      expect(before).toBeDefined();
      const large = `RUN head -c 40000000 /dev/urandom > /${token}`;
      const ingested = async () => (await filesBelow(join(places.layers, "ingest"))).length > 0;
      await killedWhen({ lines: large, options: { repoKey } }, ingested);
      expect(await stored()).toEqual(before);
      await allSound();
      const build = async (lines: string) => {
        const built = unique("b");
        await world.build(lines, { repoKey, id: built });
        const { steps = [], layers } = (await readBuildRecord(places.builds, built)) ?? {};
        return { ran: steps.filter(({ cached }) => !cached).length, layers };
      };
      // With one step more there is something to store.
      const more = `${large}\nRUN echo more ${token}`;
      expect(await build(more)).toMatchObject({ ran: 1 });
      expect(await stored()).not.toEqual(before);
      expect(await ingested()).toBe(false);
      await world.forget(token);
      const reads = async () => (await readdir(join(places.layers, "readers")).catch(() => [])).length > 0;
      await killedWhen({ lines: more, options: { repoKey } }, reads);
      await world.forget(token);
      expect(await build(more)).toEqual({ ran: 0, layers: ["base"] });
      expect(world.warnings).toEqual([]);
      await world.forget(token);
    });
});
