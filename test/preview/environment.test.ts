import { beforeAll, expect, test } from "vitest";
import { type Docker, inspectContainer } from "../../src/docker/index.js";
import {
  containerProbe,
  findEnvironments,
  hostsOf,
  type Owner,
  startEnvironment,
  stopEnvironment,
} from "../../src/preview/index.js";
import { docker as cli, labName, onEachEngine, purgeImage } from "../support/engines.js";
import { cleanUpAfterEach } from "./clean-up.js";
import { cleared, dockerOf, environment, manifestOf, serve, soon } from "./engine-docker.js";

const cleanUp = cleanUpAfterEach();

const web = (who: string, more: object = {}) => ({
  kind: "web",
  image: "busybox",
  command: ["sh", "-c", serve(who)],
  expose: 8080,
  health: { path: "/who" },
  ...more,
});
const idle = { image: "busybox", command: ["sh", "-c", "trap 'exit 0' TERM; sleep 3600 & wait"] };

onEachEngine(
  (engine) => {
    let docker: Docker;
    beforeAll(async () => {
      docker = await dockerOf(engine);
    });
    const made = (services: object, agent?: string) => {
      const one = environment(engine, manifestOf(services), agent);
      cleanUp.push(() => cleared(docker, one.owner));
      return one;
    };
    /** Names of all that an environment has on the engine. */
    const left = async ({ environment: id }: Owner) => {
      const filter = ["--filter", `label=sh.galley.environment=${id}`];
      const lists = [
        ["ps", "-aq", ...filter],
        ["network", "ls", "-q", ...filter],
        ["volume", "ls", "-q", ...filter],
      ];
      return (await Promise.all(lists.map((args) => cli(engine, args)))).join("");
    };
    const inside = (container: string, command: string) =>
      cli(engine, ["exec", container, "sh", "-c", command]);

    test("services start in order on a network of their own, with names, limits and no more rights than they need", async () => {
      const { manifest, options, owner } = made({
        front: web("front", { depends_on: ["back"], env: { OWN: "service" } }),
        back: { ...web("back"), kind: "api" },
      });
      const states: string[] = [];
      const running = await startEnvironment(docker, manifest, {
        ...options,
        hosts: hostsOf(
          manifest,
          { name: "pr-1", project: "environment" },
          { scheme: "http", domain: "localhost", port: 8088 },
        ),
        limits: { cpus: 4096, memory: 64 * 1024 * 1024 },
        env: { OWN: "everybody", GALLEY: "yes" },
        onState: (service, state) => states.push(`${service} ${state}`),
      });
      expect(states).toEqual(["back starting", "back healthy", "front starting", "front healthy"]);
      expect(running.url).toBe("http://pr-1-environment.localhost:8088");
      expect(running.proxied).toBe(false);
      const front = running.services.get("front")?.container ?? "";
      expect(await inside(front, "wget -qO- http://back:8080/who; echo $OWN $GALLEY")).toBe(
        "back\nservice yes\n",
      );
      const [found] = JSON.parse(await cli(engine, ["inspect", front]));
      expect(found.HostConfig).toMatchObject({
        Memory: 64 * 1024 * 1024,
        MemorySwap: 64 * 1024 * 1024,
        PidsLimit: 1024,
        RestartPolicy: { Name: "unless-stopped" },
        CapDrop: ["ALL"],
        SecurityOpt: ["no-new-privileges"],
        LogConfig: { Type: "json-file", Config: { "max-size": "10m" } },
        PortBindings: {},
        Privileged: false,
      });
      expect(found.HostConfig.NanoCpus).toBeGreaterThan(0);
      expect(Object.keys(found.NetworkSettings.Networks)).toEqual([`galley-pv-${owner.environment}`]);
      const [network] = JSON.parse(
        await cli(engine, ["network", "inspect", `galley-pv-${owner.environment}`]),
      );
      expect(network.IPAM.Config[0].Subnet).toMatch(/\/28$/);
      const refused = await inside(front, "ip link set eth0 down 2>&1 || echo refused");
      expect(refused).toContain("refused");
    });

    test("what has not changed is left alone, what has is replaced, with all that looked it up, and what is gone goes", async () => {
      const first = made({
        front: web("front", { depends_on: ["back"] }),
        back: { ...web("back"), kind: "api" },
        idle,
        gone: idle,
      });
      const one = await startEnvironment(docker, first.manifest, first.options);
      const same = await startEnvironment(docker, first.manifest, { ...first.options, deployment: "dep2" });
      expect([...same.services].map(([, { container }]) => container)).toEqual(
        [...one.services].map(([, { container }]) => container),
      );
      const changed = manifestOf({
        front: web("front", { depends_on: ["back"] }),
        back: { ...web("new"), kind: "api" },
        idle,
      });
      const states: string[] = [];
      const two = await startEnvironment(docker, changed, {
        ...first.options,
        deployment: "dep3",
        onState: (service, state) => states.push(`${service} ${state}`),
      });
      expect(states.filter((state) => /unchanged|removed|starting/.test(state)).sort()).toEqual([
        "back starting",
        "front starting",
        "gone removed",
        "idle unchanged",
      ]);
      expect(two.services.get("idle")).toEqual(one.services.get("idle"));
      expect(two.services.get("front")).not.toEqual(one.services.get("front"));
      expect(
        await inspectContainer(docker, one.services.get("gone")?.container ?? "", soon()),
      ).toBeUndefined();
      expect(await inside(two.services.get("front")?.container ?? "", "wget -qO- http://back:8080/who")).toBe(
        "new\n",
      );
      expect(await findEnvironments(docker, first.owner.agent, soon())).toMatchObject([
        { environment: first.owner.environment, project: "shop", containers: 3, running: 3 },
      ]);
    });

    test("an agent finds its own environments and takes them down without a trace, and nobody else's", async () => {
      const agent = labName("agt");
      const [one, two, foreign] = [made({ idle }, agent), made({ idle }, agent), made({ idle })];
      for (const { manifest, options } of [one, two, foreign])
        await startEnvironment(docker, manifest, options);
      const stranger = (
        await cli(engine, [
          "run",
          "-d",
          "--network",
          `galley-pv-${one.owner.environment}`,
          "busybox",
          "sleep",
          "3600",
        ])
      ).trim();
      cleanUp.push(() => cli(engine, ["rm", "-f", stranger]));
      const found = await findEnvironments(docker, agent, soon());
      expect(found.map(({ environment: id }) => id).sort()).toEqual(
        [one.owner.environment, two.owner.environment].sort(),
      );
      expect(found[0]?.deployments).toHaveLength(1);
      // Another agent that claims to have the environment removes nothing of it.
      expect(await stopEnvironment(docker, { ...one.owner, agent: foreign.owner.agent }, soon())).toBe(0);
      expect(await stopEnvironment(docker, one.owner, soon())).toBe(2);
      expect(await left(one.owner)).toBe("");
      expect(await stopEnvironment(docker, one.owner, soon())).toBe(0);
      expect((await findEnvironments(docker, agent, soon())).map(({ environment: id }) => id)).toEqual([
        two.owner.environment,
      ]);
      expect(await left(foreign.owner)).not.toBe("");
      expect((await inspectContainer(docker, stranger, soon()))?.running).toBe(true);
    });

    test("two that take the same environment down at once both succeed", async () => {
      const { manifest, options, owner } = made({ a: idle, b: idle });
      await startEnvironment(docker, manifest, options);
      await Promise.all([1, 2].map(() => stopEnvironment(docker, owner, soon())));
      expect(await left(owner)).toBe("");
    });

    test("a service that ends again and again is told with its exit code and what it printed, one that never answers with why", async () => {
      const crash = made({
        back: { image: "busybox", command: ["sh", "-c", "echo no database here; exit 7"] },
      });
      await expect(startEnvironment(docker, crash.manifest, crash.options)).rejects.toMatchObject({
        code: "container_failed",
        message: expect.stringMatching(/service back ended with exit code 7.*\n\s+no database here/),
      });
      const silent = made({ front: { ...web("x"), ...idle, health: { path: "/", timeout: 1 } } });
      await expect(startEnvironment(docker, silent.manifest, silent.options)).rejects.toMatchObject({
        code: "container_unhealthy",
        message: expect.stringContaining("nothing answers on port 8080"),
      });
      const local = made({
        front: web("x", {
          command: ["sh", "-c", "mkdir /www; echo x > /www/who; exec httpd -f -p 127.0.0.1:8080 -h /www"],
          health: { path: "/who", timeout: 1 },
        }),
      });
      await expect(startEnvironment(docker, local.manifest, local.options)).rejects.toMatchObject({
        message: expect.stringContaining("nothing answers on port 8080"),
      });
      const wrong = made({ front: web("x", { health: { path: "/none", timeout: 5 } }) });
      await expect(startEnvironment(docker, wrong.manifest, wrong.options)).rejects.toMatchObject({
        message: expect.stringContaining("/none answers 404 instead of 200"),
      });
    });

    test("a service that comes up at its second start is up", async () => {
      const { manifest, options } = made({
        back: {
          image: "busybox",
          command: ["sh", "-c", "test -e /seen && exec sleep 3600; touch /seen; exit 1"],
        },
      });
      const { services } = await startEnvironment(docker, manifest, options);
      const container = services.get("back")?.container ?? "";
      const state = await inspectContainer(docker, container, soon());
      expect(state).toMatchObject({ running: true, restarting: false, restarts: 1 });
    });

    test("health can be asked from a container in the service's own network", async () => {
      const { manifest, options, owner } = made({ front: web("x") });
      const probe = containerProbe(docker, owner, "node:22");
      await startEnvironment(docker, manifest, { ...options, probe });
      const broken = made({ front: web("x", { health: { path: "/none", timeout: 1 } }) });
      await expect(
        startEnvironment(docker, broken.manifest, {
          ...broken.options,
          probe: containerProbe(docker, broken.owner, "node:22"),
        }),
      ).rejects.toMatchObject({ message: expect.stringContaining("/none answers 404 instead of 200") });
      expect(await findEnvironments(docker, owner.agent, soon())).toMatchObject([{ containers: 1 }]);
    });

    test("an image that would route requests by its own labels is refused before anything of it runs", async () => {
      const tag = labName("labelled");
      const label = 'Traefik.Http.Routers.other.rule="Host(`pr-1-other.localhost`)"';
      await cli(engine, ["build", "-q", "-t", tag, "-"], { input: `FROM busybox\nLABEL ${label}\n` });
      cleanUp.push(() => purgeImage(engine, tag));
      const { manifest, options, owner } = made({ front: { ...idle, image: tag } });
      await expect(startEnvironment(docker, manifest, options)).rejects.toMatchObject({
        code: "container_failed",
        message: expect.stringContaining("Traefik.Http.Routers.other.rule"),
      });
      expect(await findEnvironments(docker, owner.agent, soon())).toMatchObject([{ containers: 0 }]);
    });

    test("a start that is cancelled ends with the reason, and what it left is taken away", async () => {
      const { manifest, options, owner } = made({ front: { ...web("x"), ...idle, health: { path: "/" } } });
      const abort = new AbortController();
      const reason = new Error("superseded");
      const starting = startEnvironment(docker, manifest, {
        ...options,
        signal: abort.signal,
        onState: () => abort.abort(reason),
      });
      await expect(starting).rejects.toBe(reason);
      await stopEnvironment(docker, owner, soon());
      expect(await left(owner)).toBe("");
    });
  },
  ({ name }) => name === "28c",
);
