import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { askIngress } from "../../src/agent/ingress-switch.js";
import { connectDocker, type Docker, inspectContainer } from "../../src/docker/index.js";
import type { ContainerHealthCheck, Manifest, Service } from "../../src/manifest/index.js";
import {
  findCutOff,
  findEnvironments,
  finishSwitch,
  hostsOf,
  type StartOptions,
  startEnvironment,
} from "../../src/preview/index.js";
import { docker as cli, type LabEngine, onEachEngine } from "../support/engines.js";
import { cleanUpAfterEach, ingressOn } from "./clean-up.js";
import {
  askHost,
  askUntil,
  cleared,
  dockerOf,
  environment,
  manifestOf,
  serve,
  soon,
} from "./engine-docker.js";
import { constantLoad } from "./load.js";
import { relayTo } from "./relay.js";

const cleanUp = cleanUpAfterEach();

/** Answers `/who` at once, `/slow` after two seconds, and ends at once when it is told to, whatever it is about to answer. */
const program = (who: string) => `
require("node:http").createServer((request, response) => {
  setTimeout(() => response.end("${who}\\n"), request.url === "/slow" ? 2000 : 0);
}).listen(8080);
process.on("SIGTERM", () => process.exit());
`;
const web = (who: string) => ({
  kind: "web",
  image: "node:22",
  command: ["node", "-e", program(who)],
  expose: 8080,
  health: { path: "/who" },
});
const quick = (who: string) => ({ ...web(who), image: "busybox", command: ["sh", "-c", serve(who)] });

/** The same with a health check of its own for the engine, as a compose file or an image has one, in place of a path to ask. */
const checked = (services: object, healthCheck: ContainerHealthCheck): Manifest => ({
  services: manifestOf(services).services.map((service) =>
    service.name === "web" ? { ...service, health: undefined, healthCheck } : service,
  ),
});
const ask =
  "fetch('http://127.0.0.1:8080/who').then(({ status }) => process.exit(status === 200 ? 0 : 1), () => process.exit(1))";
const nodeAsks = { test: ["CMD", "node", "-e", ask] };
const wgetAsks = {
  test: ["CMD-SHELL", "wget -qO- http://127.0.0.1:8080/who"],
  intervalSeconds: 1,
  retries: 1,
};

/** A preview that is reached through an ingress, and deployed again. */
async function previewOn(engine: LabEngine, docker: Docker) {
  const one = environment(engine, manifestOf({ web: quick("x") }));
  cleanUp.push(() => cleared(docker, one.owner));
  const folder = mkdtempSync(join(tmpdir(), "galley-switch-"));
  cleanUp.push(() => rmSync(folder, { recursive: true, force: true }));
  const socket = join(folder, "ingress.sock");
  const port = await ingressOn(docker, cleanUp, { socket });
  const at = { name: "pr-1", project: one.owner.environment };
  const hosts = hostsOf(one.manifest, at, { scheme: "http", domain: "localhost", port: 8088 });
  const [{ host } = { host: "" }] = [...hosts.values()];
  const deploy = (
    what: object | Manifest,
    { docker: through = docker, ...more }: Partial<StartOptions> & { docker?: Docker } = {},
  ) => {
    const manifest = "services" in what ? (what as Manifest) : manifestOf(what);
    const images = new Map(manifest.services.map(({ name, image }) => [name, image ?? ""]));
    return startEnvironment(through, manifest, { ...one.options, images, hosts, switchMs: 4_000, ...more });
  };
  const containers = async () =>
    (
      await cli(engine, [
        "ps",
        "-a",
        "--format",
        "{{.Names}}",
        "--filter",
        `label=sh.galley.environment=${one.owner.environment}`,
      ])
    )
      .trim()
      .split("\n")
      .map((name) => name.replace(`galley-pv-${one.owner.environment}-`, ""))
      .sort();
  return { ...one, port, host, deploy, containers, moved: askIngress(socket) };
}

onEachEngine(
  (engine) => {
    let docker: Docker;
    beforeAll(async () => {
      docker = await dockerOf(engine);
    });

    test("no request is lost when a preview switches under constant load, and none when the new version never comes up", async () => {
      const { port, host, deploy, containers, moved } = await previewOn(engine, docker);
      // As beside Traefik, which cannot be asked, and as beside the local ingress, which would rather wait for ever than lose one.
      const how = engine.name === "20" ? {} : { moved, switchMs: 60_000 };
      await deploy({ web: web("one") }, how);
      expect((await askHost(port, host)).body).toBe("one\n");
      const load = constantLoad(port, host);
      try {
        await load.answered("one\n");
        const began = performance.now();
        let up = began;
        const onState = () => {
          up = performance.now();
        };
        await deploy(checked({ web: web("two") }, nodeAsks), { ...how, deployment: "dep2", onState });
        const [all, after] = [performance.now() - began, performance.now() - up].map(Math.round);
        console.log(`engine ${engine.name}: a redeploy took ${all} ms, ${after} of them after it was up`);
        await load.answered("two\n");
        expect(await containers()).toEqual(["web-2"]);
        const broken = { ...web("three"), command: ["sh", "-c", "echo no configuration >&2; exit 3"] };
        await expect(deploy({ web: broken }, { deployment: "dep3" })).rejects.toMatchObject({
          code: "container_failed",
          message: expect.stringMatching(/service web ended with exit code 3.*\n {2}no configuration/s),
        });
        expect(await containers()).toEqual(["web-2"]);
        expect((await askHost(port, host)).body).toBe("two\n");
      } finally {
        await load.stop();
      }
      console.log(
        `engine ${engine.name}: ${load.lost.length} of ${load.sent} requests lost in a switch and a failure`,
      );
      expect(load.lost).toEqual([]);
      expect(load.sent).toBeGreaterThan(100);
    });
  },
  ({ name }) => name !== "28",
);

onEachEngine(
  (engine) => {
    let docker: Docker;
    beforeAll(async () => {
      docker = await dockerOf(engine);
    });
    const fast = { switchMs: 0 };

    test("the ingress takes the agent's word that a container may be asked, before the engine has looked, until that says otherwise", async () => {
      const { port, owner, moved } = await previewOn(engine, docker);
      const [name, host] = [`galley-pv-${owner.environment}-told`, `told-${owner.environment}.localhost`];
      const check = [
        "--health-cmd",
        "test -e /well || exit 1",
        "--health-interval",
        "1s",
        "--health-retries",
        "1",
      ];
      const labels = {
        "traefik.enable": "true",
        [`traefik.http.routers.${name}.rule`]: `Host(\`${host}\`)`,
        [`traefik.http.services.${name}.loadbalancer.server.port`]: "8080",
      };
      const args = Object.entries(labels).flatMap(([key, value]) => ["--label", `${key}=${value}`]);
      const run = ["run", "-d", "--name", name, ...check, "--health-start-period", "600s", ...args];
      const id = (await cli(engine, [...run, "busybox", "sh", "-c", serve("told")])).trim();
      cleanUp.push(() => cli(engine, ["rm", "-f", id]));
      expect((await askHost(port, host)).status).toBe(404);
      await moved({ to: [id], from: [] }, soon());
      expect((await askUntil(port, host, ({ status }) => status === 200)).body).toBe("told\n");
      // Well, and then not any more: what the engine says counts again.
      await cli(engine, ["exec", id, "touch", "/well"]);
      await expect.poll(async () => (await inspectContainer(docker, id, soon()))?.health).toBe("healthy");
      await cli(engine, ["exec", id, "rm", "/well"]);
      await askUntil(port, host, ({ status }) => status === 404);
    });

    test("nobody is sent to a new version before all of its services are up", async () => {
      const { port, host, deploy, containers, moved } = await previewOn(engine, docker);
      await deploy({ web: quick("one") }, fast);
      await askUntil(port, host, ({ status }) => status === 200);
      const late = { ...quick("late"), kind: "api", health: { path: "/none", timeout: 4 } };
      // Its own health check succeeds at once, and says nothing of the other.
      const version = checked({ web: quick("two"), late }, wgetAsks);
      const deploying = deploy(version, { ...fast, deployment: "dep2" });
      const answers = new Set<string>();
      let over = false;
      const ended = deploying.finally(() => {
        over = true;
      });
      ended.catch(() => {});
      while (!over) answers.add((await askHost(port, host)).body);
      await expect(ended).rejects.toThrow("/none answers 404 instead of 200");
      expect([...answers]).toEqual(["one\n"]);
      expect(await containers()).toEqual(["web-1"]);
      // After the switch the engine goes on with it.
      const good = checked({ web: quick("two") }, wgetAsks);
      const { services } = await deploy(good, { switchMs: 30_000, moved, deployment: "dep3" });
      expect((await askHost(port, host)).body).toBe("two\n");
      const id = services.get("web")?.container ?? "";
      await expect.poll(async () => (await inspectContainer(docker, id, soon()))?.health).toBe("healthy");
      await cli(engine, ["exec", id, "rm", "/www/who"]);
      await askUntil(port, host, ({ status }) => status === 404, "/index.html");
    });

    test("services of the new version reach each other and those of the old one each other, while both stand", async () => {
      const { deploy, owner } = await previewOn(engine, docker);
      const api = (who: string) => ({ ...quick(who), kind: "api" });
      // Neither says that it needs the other: what a name means may not depend on that.
      const pair = (who: string, path = "/who") => ({
        web: { ...quick(who), health: { path } },
        api: api(`api ${who}`),
      });
      const running = await deploy(pair("one"), fast);
      const first = running.services.get("web")?.container ?? "";
      const inside = async (container: string) =>
        (await cli(engine, ["exec", container, "wget", "-qO-", "http://api:8080/who"])).trim();
      const next = `galley-pv-${owner.environment}-web-2`;
      const seen: string[] = [];
      // Both versions stand until the new one says that it is healthy, which it is told to when all has been asked.
      const askMeanwhile = async () => {
        for (let n = 0; n < 6; n++) seen.push(await inside(first));
        // The new one is started side by side with the API, and need not be there yet.
        const signal = soon();
        for (let told = false; !told; )
          told = await cli(engine, ["exec", next, "touch", "/www/asked"]).then(
            () => true,
            (error: unknown) => {
              if (signal.aborted) throw error;
              return false;
            },
          );
      };
      let apiHealthy = () => {};
      const asking = new Promise<void>((resolve) => {
        apiHealthy = resolve;
      }).then(askMeanwhile);
      const deploying = deploy(pair("two", "/asked"), {
        ...fast,
        deployment: "dep2",
        onState: (service, state) => {
          if (service === "api" && state === "healthy") apiHealthy();
        },
      });
      await Promise.all([deploying, asking]);
      expect(new Set(seen)).toEqual(new Set(["api one"]));
      for (let n = 0; n < 3; n++) expect(await inside(next)).toBe("api two");
      // One that stays is not cut off from one that is replaced.
      await deploy({ ...pair("two", "/asked"), api: api("api three") }, { ...fast, deployment: "dep3" });
      expect(await inside(next)).toBe("api three");
    });

    test("a database is replaced in place and keeps its rows; when the deployment fails the old one is back with them", async () => {
      const { deploy, containers, owner } = await previewOn(engine, docker);
      const database = (more: string, level = "1"): Service => ({
        name: "db",
        kind: "database",
        image: "busybox",
        command: ["sh", "-c", `trap "echo stopped >> /data/rows; exit 0" TERM; ${more}; sleep 3600 & wait`],
        env: { LEVEL: level },
        dependsOn: [],
        volumes: [{ target: "/data", readOnly: false }],
      });
      const [front] = manifestOf({ web: quick("one") }).services;
      const dependsOn = [{ service: "db", until: "healthy" as const }];
      const all = (db: Service, service: Service | undefined = front) => ({
        services: [db, { ...service!, dependsOn }],
      });
      await deploy(all(database("echo first >> /data/rows")), fast);
      const second = await deploy(all(database("echo second >> /data/rows", "2")), {
        ...fast,
        deployment: "dep2",
      });
      const rows = (id: string) => cli(engine, ["exec", id, "cat", "/data/rows"]);
      const old = second.services.get("db")?.container ?? "";
      expect(await rows(old)).toBe("first\nstopped\nsecond\n");
      expect(await containers()).toEqual(["db-2", "web-2"]);
      const crash = { ...front!, command: ["sh", "-c", "exit 4"] };
      await expect(
        deploy(all(database("echo third >> /data/rows", "3"), crash), { ...fast, deployment: "dep3" }),
      ).rejects.toMatchObject({ message: expect.stringContaining("exit code 4") });
      expect(await containers()).toEqual(["db-2", "web-2"]);
      expect(await inspectContainer(docker, old, soon())).toMatchObject({ running: true });
      expect(await rows(old)).toBe("first\nstopped\nsecond\nstopped\nthird\nstopped\nsecond\n");
      expect(await findEnvironments(docker, owner.agent, soon())).toMatchObject([
        { containers: 2, running: 2 },
      ]);
    });

    test("a deployment that is cancelled leaves what served before, and nothing of its own", async () => {
      const { port, host, deploy, containers } = await previewOn(engine, docker);
      await deploy({ web: quick("one") }, fast);
      const abort = new AbortController();
      const reason = new Error("superseded");
      const never = { ...quick("two"), command: ["sh", "-c", "trap 'exit 0' TERM; sleep 3600 & wait"] };
      await expect(
        deploy(
          { web: never },
          {
            ...fast,
            deployment: "dep2",
            signal: abort.signal,
            onState: (_, state) => state === "starting" && setTimeout(() => abort.abort(reason), 1_000),
          },
        ),
      ).rejects.toBe(reason);
      expect(await containers()).toEqual(["web-1"]);
      expect((await askHost(port, host)).body).toBe("one\n");
    });

    test("what an agent left that was killed in the middle of a switch is taken up where it fits, and goes where it does not", async () => {
      const { port, host, deploy, containers, owner } = await previewOn(engine, docker);
      await deploy({ web: quick("one") }, fast);
      // Without its engine it cannot undo anything, as if it had been killed.
      const relay = relayTo(engine);
      cleanUp.push(() => relay.remove());
      const late = { ...quick("late"), kind: "api", health: { path: "/none", timeout: 60 } };
      const cut = deploy(
        { web: quick("two"), late },
        {
          ...fast,
          deployment: "dep2",
          docker: await connectDocker({ socketPath: relay.socketPath }),
          onState: (service, state) => {
            if (service === "web" && state === "healthy") void relay.cut();
          },
        },
      );
      await expect(cut).rejects.toMatchObject({ code: "engine_unreachable" });
      expect((await containers()).filter((name) => name.startsWith("web"))).toEqual(["web-1", "web-2"]);
      expect((await askHost(port, host)).body).toBe("one\n");
      await deploy({ web: quick("two") }, { ...fast, deployment: "dep2" });
      await askUntil(port, host, ({ body }) => body === "two\n");
      expect(await containers()).toEqual(["web-2"]);

      // After the routes have switched: what was replaced goes without another deployment.
      const second = relayTo(engine);
      cleanUp.push(() => second.remove());
      await deploy(
        { web: quick("three") },
        {
          deployment: "dep3",
          switchMs: 60_000,
          docker: await connectDocker({ socketPath: second.socketPath }),
          moved: async ({ from }) => {
            if (from.length === 0) throw new Error("the engine says when a gate is open");
            await second.cut();
          },
        },
      );
      expect(await containers()).toEqual(["web-2", "web-3"]);
      expect(await findCutOff(docker, owner.agent, soon())).toEqual([owner.environment]);
      expect(await finishSwitch(docker, owner, fast, soon())).toEqual(["web"]);
      expect(await containers()).toEqual(["web-3"]);
      await askUntil(port, host, ({ body }) => body === "three\n");
      expect(await finishSwitch(docker, owner, fast, soon())).toEqual([]);
      expect(await findCutOff(docker, owner.agent, soon())).toEqual([]);
    });
  },
  ({ name }) => name === "28c",
);
