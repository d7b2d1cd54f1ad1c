// The registry of layers goes away while an agent's build reads from it: the deployment is built anew, and says so.
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { BuildKitClient } from "../../src/buildkit/index.js";
import { idle, manifest } from "../agent/files.js";
import { startWorld, type World } from "../agent/world.js";
import { engineEnv, labName, labRegistry, onEachEngine } from "../support/engines.js";
import { registryProxy } from "./registry-proxy.js";
import { unique } from "./world.js";

/** The large layer is in a stage that is no part of the image, which would keep it on the engine. */
const dockerfile = (token: string) =>
  [
    "FROM busybox",
    `RUN head -c 3000000 /dev/urandom > /made && : ${token}`,
    `COPY page /${token}`,
    `RUN sha256sum /made /${token} > /sums`,
    "FROM busybox",
    `COPY --from=0 /sums /sums-${token}`,
  ].join("\n");

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

    test.each([
      ["when its manifest was read", "blob", 1],
      ["in the middle of a layer", "half-blob", 2],
    ] as const)(
      "A registry of layers that dies %s is a warning, and the service is built without it.",
      async (_, death, pr) => {
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
          world.push(pr, {
            "galley.yml": manifest({ web: { build: {}, command: idle } }),
            Dockerfile: dockerfile(token),
            page,
          });
          const { id } = await world.deploy(pr);
          const { state, error } = await world.ended(id);
          expect({ state, error }).toEqual({ state: "running", error: null });
          return await world.events(id);
        };
        await deploy("one");
        await expect.poll(() => said("stored layers in a registry")).toHaveLength(1);
        await forget(token);
        proxy.diesOf(death);
        const events = await deploy("two");
        expect(proxy.isDead).toBe(true);
        expect(said("neither go to the registry nor come from it")).toHaveLength(1);
        expect(JSON.stringify(events)).toContain("layers are at hand in a registry");
      },
    );

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
