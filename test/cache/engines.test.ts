// What becomes of layers on engines that cannot store them, or not even read them, and on a buildkitd.
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { readBuildRecord } from "../../cache/build-record.js";
import { listStoredLayers } from "../../cache/layer-store.js";
import { cachePlaces } from "../../cache/places.js";
import { buildkitdRelay } from "../buildkit-client/relay.js";
import { type LabEngine, labEngines, onEachEngine } from "../support/engines.js";
import { galley } from "../support/galley.js";
import { type CacheWorld, cacheWorld, unique } from "./world.js";

const ending: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
});

async function worldOf(...[engine, options]: Parameters<typeof cacheWorld>): Promise<CacheWorld> {
  const world = await cacheWorld(engine, options);
  ending.push(() => world.remove());
  return world;
}

const lines = (token: string) => `RUN echo ${token} > /made\nRUN cat /made && : ${token}`;

async function build(world: CacheWorld, token: string) {
  const id = unique("b");
  await world.build(lines(token), { repoKey: token, id });
  const places = cachePlaces(world.dataDirectory, token);
  const { steps = [], layers } = (await readBuildRecord(places.builds, id)) ?? {};
  return {
    id,
    ran: steps.filter(({ cached }) => !cached).length,
    layers,
    stored: (await listStoredLayers(places)).map((one) => one.build),
  };
}

/** What `galley cache du` says to people and to programs. */
async function du(engine: LabEngine, dataDirectory: string) {
  const cache = async (...more: string[]) => {
    const { code, stdout, stderr } = await galley(engine, [
      "cache",
      "du",
      "--data-dir",
      dataDirectory,
      ...more,
    ]);
    expect(code, stderr).toBe(0);
    return stdout;
  };
  return { told: await cache(), engine: JSON.parse(await cache("--json")).engine };
}

onEachEngine((engine) => {
  test("What an engine cannot do for caches is said where they are summed up, and nothing else is", async () => {
    const world = await worldOf(engine);
    const id = unique("said");
    await world.build(`RUN --mount=type=cache,id=${id},target=/m echo ${id} > /m/file`);
    const { told, engine: used } = await du(engine, world.dataDirectory);
    const says = {
      mounts: told.includes("does not say whose they are"),
      layers: /this engine (reads them, and stores none|neither stores nor reads them)/.exec(told)?.[1],
    };
    if (engine.version === 20) {
      expect(used).toMatchObject({ ourMounts: null, layers: "none" });
      expect(says).toEqual({ mounts: true, layers: "neither stores nor reads them" });
    } else {
      expect(used.ourMounts).toBeGreaterThan(0);
      const stores = engine.store === "containerd";
      expect(used.layers).toBe(stores ? "stored" : "read");
      expect(says).toEqual({ mounts: false, layers: stores ? undefined : "reads them, and stores none" });
    }
    await world.forget(id);
  });
});

const newest = labEngines().find(({ name }) => name === "28c");

onEachEngine(
  (engine: LabEngine) => {
    test.runIf(newest)(
      "Layers that another engine has stored are read where that can be, and left alone where it cannot",
      async () => {
        const token = unique("other");
        const there = await worldOf(newest as LabEngine);
        const { id } = await build(there, token);
        const here = await worldOf(engine, { dataDirectory: there.dataDirectory });
        const { localCacheImport, cacheExport } = await here.client.features();
        expect([localCacheImport, cacheExport]).toEqual([engine.name !== "20", false]);
        // Whether they help depends on whether both engines call the base image the same.
        const first = await build(here, token);
        expect(first).toMatchObject({ layers: localCacheImport ? ["base"] : [], stored: [id] });
        expect(await build(here, token)).toMatchObject({ ran: 0, stored: [id] });
        expect([...there.warnings, ...here.warnings]).toEqual([]);
      },
    );
  },
  // 28 with the plain store can do what 26 can.
  ({ name }) => ["20", "26"].includes(name),
);

onEachEngine(
  (engine) => {
    test("A buildkitd stores layers, and is given them when it has lost what they hold", async () => {
      const socket = join(tmpdir(), `${unique("buildkitd")}.sock`);
      const relay = await buildkitdRelay(engine.dockerHost.slice("unix://".length), socket);
      ending.push(async () => {
        await relay.close();
        rmSync(socket, { force: true });
      });
      const token = unique("daemon");
      const world = await worldOf(engine, { target: `unix://${socket}` });
      expect(world.client.engine).toBeUndefined();
      expect(await build(world, token)).toMatchObject({ ran: 2, layers: [] });
      await world.forget(token);
      expect(await build(world, token)).toMatchObject({ ran: 0, layers: ["base"] });
      expect(world.warnings).toEqual([]);
    });
  },
  ({ name }) => name === "28c",
);
