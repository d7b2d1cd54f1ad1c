import { once } from "node:events";
import { beforeAll, expect, test } from "vitest";
import { type Docker, inspectContainer } from "../../src/docker/index.js";
import {
  hibernateEnvironment,
  hostsOf,
  reconnectProxy,
  type ServiceEvent,
  type ServiceLogLine,
  serviceLogs,
  serviceStats,
  startEnvironment,
  wakeEnvironment,
  watchServices,
} from "../../src/preview/index.js";
import { awaitedLater } from "../support/awaited-later.js";
import { docker as cli, labName, onEachEngine } from "../support/engines.js";
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

const cleanUp = cleanUpAfterEach();

const web = { kind: "web", image: "busybox", command: ["sh", "-c", serve("web")], expose: 8080 };
const idle = { image: "busybox", command: ["sh", "-c", "trap 'exit 0' TERM; sleep 3600 & wait"] };

onEachEngine(
  (engine) => {
    let docker: Docker;
    beforeAll(async () => {
      docker = await dockerOf(engine);
    });
    const made = (services: object) => {
      const one = environment(engine, manifestOf(services));
      cleanUp.push(() => cleared(docker, one.owner));
      return one;
    };

    test("a hibernated preview keeps its containers and wakes in order, with no request sent to what is not up", async () => {
      const slow = `mkdir -p /www; echo slow > /www/who; trap "exit 0" TERM; sleep 2 & wait $!; httpd -f -p 8080 -h /www & wait`;
      const one = made({
        front: { ...web, command: ["sh", "-c", slow], depends_on: ["back"] },
        back: { ...idle, kind: "database" },
      });
      const publicNetwork = labName("galley-public");
      await cli(engine, ["network", "create", publicNetwork]);
      cleanUp.push(() => cli(engine, ["network", "rm", publicNetwork]));
      const label = ["--label", "sh.galley.role=proxy"];
      const proxy = (
        await cli(engine, ["run", "-d", "--network", publicNetwork, ...label, "busybox", "sleep", "3600"])
      ).trim();
      cleanUp.push(() => cli(engine, ["rm", "-f", proxy]));
      const hosts = hostsOf(
        one.manifest,
        { name: "pr-1", project: one.owner.environment },
        { scheme: "http", domain: "localhost", port: 8088 },
      );
      const running = await startEnvironment(docker, one.manifest, { ...one.options, hosts, publicNetwork });
      const front = running.services.get("front")?.container ?? "";
      const port = await ingressOn(docker, cleanUp);
      const [{ host } = { host: "" }] = [...hosts.values()];
      expect((await askHost(port, host)).body).toBe("slow\n");

      expect(await hibernateEnvironment(docker, one.owner, soon())).toBe(2);
      expect(await hibernateEnvironment(docker, one.owner, soon())).toBe(0);
      expect(await inspectContainer(docker, front, soon())).toMatchObject({ running: false });
      await askUntil(port, host, ({ status }) => status === 404);
      const networks = async () =>
        Object.keys((await inspectContainer(docker, proxy, soon()))?.addresses ?? {});
      await reconnectProxy(docker, one.owner.agent, publicNetwork, soon());
      expect(await networks()).toEqual([publicNetwork]);

      const states: string[] = [];
      const waking = awaitedLater(
        wakeEnvironment(
          docker,
          one.owner,
          { publicNetwork, onState: (service, state) => states.push(`${service} ${state}`) },
          soon(),
        ),
      );
      // Nobody is sent to a container that only runs: there is no route until it answers.
      const answers: number[] = [];
      await askUntil(port, host, ({ status }) => {
        answers.push(status);
        return status === 200;
      });
      expect(answers.filter((status) => status !== 404 && status !== 200)).toEqual([]);
      expect(await waking).toBe(2);
      expect(states).toEqual(["back starting", "back healthy", "front starting", "front healthy"]);
      expect((await inspectContainer(docker, front, soon()))?.running).toBe(true);
      expect(await networks()).toHaveLength(2);
      expect(await wakeEnvironment(docker, one.owner, { publicNetwork }, soon())).toBe(2);
    });

    test("what runs to its end is not run again by waking, and nothing to wake is an error", async () => {
      const one = made({ once: { image: "busybox", command: ["sh", "-c", "echo ran"] }, idle });
      const until = { service: "once", until: "completed" as const };
      const manifest = {
        services: one.manifest.services.map((service) =>
          service.name === "idle" ? { ...service, dependsOn: [until] } : service,
        ),
      };
      const running = await startEnvironment(docker, manifest, one.options);
      const container = running.services.get("once")?.container ?? "";
      const before = await inspectContainer(docker, container, soon());
      await hibernateEnvironment(docker, one.owner, soon());
      expect(await wakeEnvironment(docker, one.owner, {}, soon())).toBe(1);
      expect((await inspectContainer(docker, container, soon()))?.startedAt).toBe(before?.startedAt);
      await expect(wakeEnvironment(docker, made({ idle }).owner, {}, soon())).rejects.toMatchObject({
        code: "not_found",
      });
    });

    test("logs come by service, from the end, and go on over a restart without a line lost or doubled", async () => {
      const count =
        "n=$(cat /n 2>/dev/null || echo 0); while true; do n=$((n+1)); echo $n > /n; echo line $n; sleep 0.2; done";
      const one = made({
        counter: { image: "busybox", command: ["sh", "-c", count] },
        other: { image: "busybox", command: ["sh", "-c", "echo to stderr >&2; exec sleep 3600"] },
      });
      const running = await startEnvironment(docker, one.manifest, one.options);
      const all: ServiceLogLine[] = [];
      for await (const line of serviceLogs(docker, one.owner, { signal: soon() })) all.push(line);
      expect(all.find(({ service }) => service === "other")).toMatchObject({
        stream: "stderr",
        text: "to stderr",
      });
      expect(all.map(({ at }) => at)).toEqual(all.map(({ at }) => at).sort());
      const tail: string[] = [];
      for await (const { text } of serviceLogs(docker, one.owner, {
        service: "counter",
        tail: 2,
        signal: soon(),
      }))
        tail.push(text);
      expect(tail).toHaveLength(2);

      const numbers: number[] = [];
      const abort = new AbortController();
      let restarting: Promise<unknown> = Promise.resolve();
      const following = (async () => {
        const lines = serviceLogs(docker, one.owner, {
          service: "counter",
          follow: true,
          signal: abort.signal,
        });
        for await (const { text } of lines) {
          numbers.push(Number(text.split(" ")[1]));
          if (numbers.length === 10)
            restarting = awaitedLater(
              cli(engine, ["restart", "-t", "0", running.services.get("counter")?.container ?? ""]),
            );
          if (numbers.length === 30) break;
        }
      })();
      await following;
      await restarting;
      expect(numbers).toEqual(Array.from({ length: 30 }, (_, index) => index + 1));
      abort.abort();
    });

    test("stats say what each service uses and how it is", async () => {
      const one = made({ busy: { image: "busybox", command: ["sh", "-c", "while true; do :; done"] }, idle });
      await startEnvironment(docker, one.manifest, {
        ...one.options,
        limits: { cpus: 0.5, memory: 64 * 1024 * 1024 },
      });
      const stats = await serviceStats(docker, one.owner, soon());
      expect(stats.map(({ service }) => service)).toEqual(["busy", "idle"]);
      expect(stats[0]).toMatchObject({
        state: "running",
        health: null,
        restarts: 0,
        memoryLimit: 64 * 1024 * 1024,
      });
      expect(stats[0]?.cpuPercent).toBeGreaterThan(stats[1]?.cpuPercent ?? 100);
      expect(stats[1]?.processes).toBeGreaterThan(0);
      await hibernateEnvironment(docker, one.owner, soon());
      const [stopped] = await serviceStats(docker, one.owner, soon());
      expect(stopped).toMatchObject({ state: "exited", cpuPercent: null, uptimeSeconds: null });
    });

    test("restarts, OOM kills and changes of health are told, and what was stopped is not", async () => {
      const crash = "trap 'exit 0' TERM; while ! test -e /crash; do sleep 0.1; done; rm /crash; exit 9";
      const eat = "while ! test -e /eat; do sleep 0.1; done; rm /eat; exec tail /dev/zero";
      const one = made({
        crash: { image: "busybox", command: ["sh", "-c", crash] },
        eat: { image: "busybox", command: ["sh", "-c", eat] },
        idle,
        ill: { image: "busybox", command: ["sh", "-c", "touch /ok; exec sleep 3600"] },
      });
      const manifest = {
        services: one.manifest.services.map((service) =>
          service.name === "ill"
            ? {
                ...service,
                healthCheck: { test: ["CMD", "test", "-e", "/ok"], intervalSeconds: 1, retries: 1 },
              }
            : service,
        ),
      };
      const running = await startEnvironment(docker, manifest, {
        ...one.options,
        limits: { memory: 32 * 1024 * 1024 },
      });
      const of = (service: string) => running.services.get(service)?.container ?? "";
      const events: ServiceEvent[] = [];
      const told = new EventTarget();
      const abort = new AbortController();
      cleanUp.push(() => abort.abort());
      const watching = awaitedLater(
        watchServices(
          docker,
          one.owner.agent,
          (event) => {
            events.push(event);
            told.dispatchEvent(new Event("told"));
          },
          abort.signal,
        ),
      );
      const until = async (service: string, type: ServiceEvent["type"]) => {
        const limit = soon(60_000);
        for (;;) {
          const found = events.find((event) => event.service === service && event.type === type);
          if (found) return found;
          await once(told, "told", { signal: limit }).catch(() => {
            throw new Error(`${service} ${type} did not come: ${JSON.stringify(events)}`);
          });
        }
      };
      await cli(engine, ["exec", of("crash"), "touch", "/crash"]);
      expect(await until("crash", "ended")).toMatchObject({
        environment: one.owner.environment,
        project: "shop",
        exitCode: 9,
      });
      await until("crash", "restarted");
      await cli(engine, ["exec", of("eat"), "touch", "/eat"]);
      expect(await until("eat", "out_of_memory")).toMatchObject({ container: of("eat"), exitCode: 137 });
      await cli(engine, ["exec", of("ill"), "rm", "/ok"]);
      await until("ill", "unhealthy");
      await cli(engine, ["exec", of("ill"), "touch", "/ok"]);
      await until("ill", "healthy");
      await cli(engine, ["restart", "-t", "1", of("idle")]);
      await cli(engine, ["exec", of("crash"), "touch", "/crash"]);
      const before = events.length;
      const limit = soon(60_000);
      while (!events.slice(before).some(({ service }) => service === "crash"))
        await once(told, "told", { signal: limit });
      expect(events.filter(({ service }) => service === "idle")).toEqual([]);
      abort.abort();
      await watching;
    });
  },
  ({ name }) => name === "28c",
);
