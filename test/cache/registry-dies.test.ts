// The registry of layers goes away while an agent's build reads from it: the deployment is built anew, and says so.
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { BuildKitClient } from "../../src/buildkit/index.js";
import { idle, manifest } from "../agent/files.js";
import { startWorld, type World } from "../agent/world.js";
import { engineEnv, labName, labRegistry, onEachEngine } from "../support/engines.js";
import { registryProxy } from "./registry-proxy.js";
import { unique } from "./world.js";

const ending: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end();
});

onEachEngine(
  (engine) => {
    let world: World;
    beforeAll(async () => {
      world = await startWorld(engine);
    });
    afterAll(() => world?.remove());

    test("A registry of layers that dies when a build has read what it has there is a warning, and the deployment runs all the same.", async () => {
      const token = unique("dies");
      const proxy = await registryProxy(labRegistry().open);
      ending.push(() => proxy.close());
      const agent = await world.start(await world.agent("one"), {
        GALLEY_CACHE_REGISTRY: `${proxy.host}/${labName("dies")}`,
        // Nothing is stored here: all that is warm comes from the registry.
        GALLEY_CACHE_BUDGET: "0",
      });
      ending.push(() => agent.stop());
      const said = (text: string) => agent.log.filter((line) => line.includes(text));
      const deploy = async (page: string) => {
        world.push(1, {
          "galley.yml": manifest({ web: { build: {}, command: idle } }),
          Dockerfile: `FROM busybox\nRUN head -c 3000000 /dev/urandom > /made && : ${token}\nRUN sha256sum /made && : ${token}\nCOPY page /${token}\nRUN cat /made > /again && : ${token}\n`,
          page,
        });
        const { id } = await world.deploy(1);
        const { state, error } = await world.ended(id);
        expect({ state, error }).toEqual({ state: "running", error: null });
        return await world.events(id);
      };
      await deploy("one");
      await expect.poll(() => said("stored layers in a registry")).toHaveLength(1);
      await forget(token);
      proxy.diesOfBlobs();
      const events = await deploy("two");
      expect(proxy.isDead).toBe(true);
      expect(said("neither go to the registry nor come from it")).toHaveLength(1);
      expect(JSON.stringify(events)).toContain("layers are at hand in a registry");
    });

    /** What an image is made of stays as long as that does; what BuildKit finds by the steps does not. */
    const forget = async (token: string) => {
      const client = await BuildKitClient.connect(undefined, { env: engineEnv(engine) });
      try {
        for (;;) {
          const mine = (await client.diskUsage()).filter(({ description }) => description.includes(token));
          if (mine.length === 0) return;
          const { records } = await client.prune({ filter: mine.map(({ id }) => `id==${id}`), all: true });
          expect(records, "something else stands on it").not.toEqual([]);
        }
      } finally {
        client.close();
      }
    };
  },
  ({ name }) => name === "28c",
);
