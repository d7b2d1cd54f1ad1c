import { beforeAll, expect, test } from "vitest";
import { connectNetwork, type Docker, inspectContainer } from "../../src/docker/index.js";
import { engineRoutes, reconnectProxy, startEnvironment, stopEnvironment } from "../../src/preview/index.js";
import { docker as cli, labName, onEachEngine } from "../support/engines.js";
import { cleanUpAfterEach } from "./clean-up.js";
import { cleared, dockerOf, environment, manifestOf, poolOf, serve, soon } from "./engine-docker.js";

const cleanUp = cleanUpAfterEach();

const idle = { image: "busybox", command: ["sh", "-c", "trap 'exit 0' TERM; sleep 3600 & wait"] };
const web = {
  kind: "web",
  image: "busybox",
  command: ["sh", "-c", serve("web")],
  expose: 8080,
  health: { path: "/who" },
};

onEachEngine(
  (engine) => {
    let docker: Docker;
    beforeAll(async () => {
      docker = await dockerOf(engine);
    });
    const made = (services: object = { idle }, agent?: string) => {
      const one = environment(engine, manifestOf(services), agent);
      cleanUp.push(() => cleared(docker, one.owner));
      return one;
    };
    const subnetOf = async ({ owner }: ReturnType<typeof made>) =>
      (
        await cli(engine, [
          "network",
          "inspect",
          `galley-pv-${owner.environment}`,
          "--format",
          "{{(index .IPAM.Config 0).Subnet}}",
        ])
      ).trim();
    /** A corner of the engine's range that no other test of this engine uses. */
    const corner = (third: number, prefix: number) => {
      const [a, b] = (poolOf(engine) ?? "10.213.64.0/18").split(".");
      return `${a}.${b}.${third}.0/${prefix}`;
    };
    const foreignNetwork = async (subnet: string) => {
      const name = labName("net");
      await cli(engine, ["network", "create", "--subnet", subnet, name]);
      cleanUp.push(() => cli(engine, ["network", "rm", name]));
      return name;
    };

    /** For what is between us and our own labels: engines have no part in it. */
    const newest = engine.name === "28c";

    test("a pool goes on beside other networks and routes, and its end is told with what is in the way", async () => {
      const pool = corner(60, 26);
      await foreignNetwork(corner(60, 28));
      const routes = async () => [corner(60, 26).replace(".0/26", ".50/31")];
      const [one, two, three] = [made(), made(), made()];
      const start = ({ manifest, options }: ReturnType<typeof made>) =>
        startEnvironment(docker, manifest, { ...options, pool, routes });
      await start(one);
      await start(two);
      const taken = [await subnetOf(one), await subnetOf(two)].sort();
      expect(taken).toEqual([corner(60, 28).replace(".0/", ".16/"), corner(60, 28).replace(".0/", ".32/")]);
      await expect(start(three)).rejects.toMatchObject({
        code: "preview_subnets_used_up",
        message: expect.stringMatching(/no subnet is left in .*\/26.*3 of its networks.*\.50\/31/),
        hint: expect.stringContaining("GALLEY_PREVIEW_POOL"),
      });
      expect(await start(two)).toMatchObject({ proxied: false });
      await stopEnvironment(docker, one.owner, soon());
      await start(three);
      expect(taken).toContain(await subnetOf(three));
    });

    test("an agent in a container asks the engine's machine for its routes", async () => {
      const about = { image: "busybox", agent: labName("agt") };
      // The lab's engines share this machine's network.
      expect((await engineRoutes(docker, about, soon())).sort()).toEqual(
        expect.arrayContaining([expect.stringMatching(/^\d+\.\d+\.\d+\.\d+\/\d+$/)]),
      );
      await expect(engineRoutes(docker, { ...about, image: labName("none") }, soon())).rejects.toMatchObject({
        code: "image_not_found",
      });
    });

    if (newest)
      test("agents that want a subnet at the same time each get one of their own", async () => {
        const pool = corner(61, 26);
        const wanting = [made(), made(), made(), made()];
        await Promise.all(
          wanting.map(({ manifest, options }) => startEnvironment(docker, manifest, { ...options, pool })),
        );
        expect(new Set(await Promise.all(wanting.map(subnetOf))).size).toBe(4);
      });

    if (newest)
      test("an environment that another agent has is told, and left as it is", async () => {
        const one = made();
        const { services } = await startEnvironment(docker, one.manifest, one.options);
        const owner = { ...one.owner, agent: labName("agt") };
        await expect(startEnvironment(docker, one.manifest, { ...one.options, owner })).rejects.toMatchObject(
          {
            code: "conflict",
          },
        );
        await stopEnvironment(docker, owner, soon());
        const container = services.get("idle")?.container ?? "";
        expect(await inspectContainer(docker, container, soon())).toMatchObject({ running: true });
      });

    if (newest)
      test("an environment with many services has room for all of them twice", async () => {
        const many = made(Object.fromEntries(Array.from({ length: 8 }, (_, n) => [`s${n}`, idle])));
        await startEnvironment(docker, many.manifest, many.options);
        expect(await subnetOf(many)).toMatch(/\/27$/);
      });

    /** What stands for the proxy: busybox with its label, on a public network of its own. */
    const proxyOn = async () => {
      // Older engines give the default route to the network whose name comes first.
      const publicNetwork = engine.version >= 28 ? labName("public") : `galley-public-${labName("")}`;
      await cli(engine, ["network", "create", publicNetwork]);
      cleanUp.push(() => cli(engine, ["network", "rm", publicNetwork]));
      const run = async () => {
        const args = ["run", "-d", "--network", publicNetwork, "--label", "sh.galley.role=proxy"];
        const id = (await cli(engine, [...args, "busybox", "sleep", "3600"])).trim();
        cleanUp.push(() => cli(engine, ["rm", "-f", id]).catch(() => {}));
        return id;
      };
      return { publicNetwork, run, proxy: await run() };
    };

    test("the proxy is connected to a preview before it starts, keeps its way out, and is let go when it ends", async () => {
      const { publicNetwork, proxy } = await proxyOn();
      const route = async () => /^default .*$/m.exec(await cli(engine, ["exec", proxy, "ip", "route"]))?.[0];
      const before = await route();
      const one = made({ web });
      const running = await startEnvironment(docker, one.manifest, { ...one.options, publicNetwork });
      expect(running.proxied).toBe(true);
      const network = `galley-pv-${one.owner.environment}`;
      const container = await inspectContainer(docker, running.services.get("web")?.container ?? "", soon());
      expect(Object.keys(container?.addresses ?? {})).toEqual([network]);
      expect(
        await cli(engine, [
          "exec",
          proxy,
          "wget",
          "-qO-",
          `http://${container?.addresses[network]}:8080/who`,
        ]),
      ).toBe("web\n");
      expect(await route()).toBe(before);
      expect(before).toContain("eth0");
      await stopEnvironment(docker, one.owner, soon());
      expect(Object.keys((await inspectContainer(docker, proxy, soon()))?.addresses ?? {})).toEqual([
        publicNetwork,
      ]);
    });

    test("a proxy that is stopped while a preview goes can start again", async () => {
      const { publicNetwork, proxy } = await proxyOn();
      const one = made();
      await startEnvironment(docker, one.manifest, { ...one.options, publicNetwork });
      await cli(engine, ["stop", "-t", "0", proxy]);
      await stopEnvironment(docker, one.owner, soon());
      await cli(engine, ["start", proxy]);
      expect((await inspectContainer(docker, proxy, soon()))?.running).toBe(true);
    });

    if (newest)
      test("a proxy that was made anew is connected again to the agent's previews, and to nobody else's", async () => {
        const { publicNetwork, proxy, run } = await proxyOn();
        const [one, foreign] = [made(), made()];
        for (const { manifest, options } of [one, foreign])
          await startEnvironment(docker, manifest, { ...options, publicNetwork });
        await cli(engine, ["rm", "-f", proxy]);
        const next = await run();
        expect(await reconnectProxy(docker, one.owner.agent, publicNetwork, soon())).toBe(1);
        const networks = async () =>
          Object.keys((await inspectContainer(docker, next, soon()))?.addresses ?? {}).sort();
        const expected = [publicNetwork, `galley-pv-${one.owner.environment}`].sort();
        expect(await networks()).toEqual(expected);
        await reconnectProxy(docker, one.owner.agent, publicNetwork, soon());
        expect(await networks()).toEqual(expected);
      });

    if (newest)
      test("without a proxy on the public network, and without that network, a preview runs all the same", async () => {
        const one = made();
        const running = await startEnvironment(docker, one.manifest, {
          ...one.options,
          publicNetwork: labName("none"),
        });
        expect(running.proxied).toBe(false);
      });

    if (newest)
      test("a container that is on a preview's network by hand is let go and lives on", async () => {
        const one = made();
        const { services } = await startEnvironment(docker, one.manifest, one.options);
        expect(services.size).toBe(1);
        const stranger = (await cli(engine, ["run", "-d", "busybox", "sleep", "3600"])).trim();
        cleanUp.push(() => cli(engine, ["rm", "-f", stranger]));
        await connectNetwork(docker, `galley-pv-${one.owner.environment}`, stranger, soon());
        await connectNetwork(docker, `galley-pv-${one.owner.environment}`, stranger, soon());
        await stopEnvironment(docker, one.owner, soon());
        expect(await inspectContainer(docker, stranger, soon())).toMatchObject({ running: true });
      });
  },
  ({ name }) => name === "28c" || name === "20",
);
