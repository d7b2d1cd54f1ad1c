import { beforeAll, expect, test } from "vitest";
import type { Docker } from "../../src/docker/index.js";
import type { Hook, Manifest, Service } from "../../src/manifest/index.js";
import {
  findEnvironments,
  type HookEvent,
  type StartOptions,
  startEnvironment,
} from "../../src/preview/index.js";
import { docker as cli, onEachEngine } from "../support/engines.js";
import { cleanUpAfterEach } from "./clean-up.js";
import { cleared, dockerOf, environment, serve } from "./engine-docker.js";

const cleanUp = cleanUpAfterEach();

const rest = "trap 'exit 0' TERM; sleep 3600 & wait";
const hook = (service: string, line: string, timeoutSeconds = 60): Hook => ({
  service,
  command: ["sh", "-c", line],
  timeoutSeconds,
});
const db: Service = {
  name: "db",
  kind: "database",
  image: "busybox",
  command: ["sh", "-c", serve("rows")],
  env: {},
  dependsOn: [],
};
const app = (who: string): Service => ({
  name: "app",
  kind: "other",
  image: "busybox",
  entrypoint: ["sh", "-c"],
  command: [`echo started >> /work/log; ${rest}`],
  env: { WHO: who },
  dependsOn: [{ service: "db", until: "healthy" }],
  volumes: [{ name: "work", target: "/work", readOnly: false }],
});
const other: Service = { ...app("other"), name: "other", command: [rest] };

onEachEngine(
  (engine) => {
    let docker: Docker;
    beforeAll(async () => {
      docker = await dockerOf(engine);
    });
    const made = () => {
      const one = environment(engine, { services: [db, app(""), other] });
      cleanUp.push(() => cleared(docker, one.owner));
      const events: HookEvent[] = [];
      const deploy = async (manifest: Manifest, more: Partial<StartOptions> = {}) => {
        events.length = 0;
        const onHook = (event: HookEvent) => events.push(event);
        return await startEnvironment(docker, manifest, { ...one.options, onHook, switchMs: 0, ...more });
      };
      const log = async (id: string | undefined) => await cli(engine, ["exec", id ?? "", "cat", "/work/log"]);
      return { ...one, deploy, events, log };
    };

    test("hooks run in the service's image, with its variables and volumes, between what it needs and itself; the first ones once", async () => {
      const { deploy, events, log, owner } = made();
      const manifest = (who: string): Manifest => ({
        services: [db, app(who), other],
        onCreate: [hook("app", "echo seeded $(wget -qO- http://db:8080/who) >> /work/log; echo done")],
        onDeploy: [hook("app", "echo migrated $WHO >> /work/log; echo to stderr >&2")],
      });
      const one = await deploy(manifest("one"));
      expect(await log(one.services.get("app")?.container)).toBe("seeded rows\nmigrated one\nstarted\n");
      expect(events.map(({ hook: kind, type }) => `${kind} ${type}`)).toEqual([
        "onCreate started",
        "onCreate log",
        "onCreate finished",
        "onDeploy started",
        "onDeploy log",
        "onDeploy finished",
      ]);
      expect(events[1]).toMatchObject({ service: "app", lines: [{ stream: "stdout", text: "done" }] });
      expect(events[4]).toMatchObject({ lines: [{ stream: "stderr", text: "to stderr" }] });
      expect(events[5]).toMatchObject({ exitCode: 0 });
      const two = await deploy(manifest("two"), { deployment: "dep2" });
      expect(await log(two.services.get("app")?.container)).toBe(
        "seeded rows\nmigrated one\nstarted\nmigrated two\nstarted\n",
      );
      expect(await findEnvironments(docker, owner.agent, AbortSignal.timeout(60_000))).toMatchObject([
        { containers: 3 },
      ]);
    });

    test("a database's hooks run when it is up, and before those that need it start", async () => {
      const { deploy, log } = made();
      const filled = {
        ...db,
        volumes: [{ name: "work", target: "/work", readOnly: false }],
        command: ["sh", "-c", `echo db >> /work/log; ${serve("rows")}`],
      };
      const one = await deploy({
        services: [filled, app("one"), other],
        onCreate: [hook("db", "wget -qO- http://db:8080/who >> /work/log")],
      });
      expect(await log(one.services.get("app")?.container)).toBe("db\nrows\nstarted\n");
    });

    test("a hook that fails or takes too long fails the deployment with its last lines, and what served before serves on", async () => {
      const { deploy, events, log, owner } = made();
      const services = [db, app("one"), other];
      const one = await deploy({ services });
      const failing = {
        services: [db, app("two"), other],
        onDeploy: [hook("app", "echo no such table; exit 3")],
      };
      await expect(deploy(failing, { deployment: "dep2" })).rejects.toMatchObject({
        code: "container_failed",
        message: expect.stringMatching(
          /the hook onDeploy of service app .* ended with exit code 3\n {2}no such table/s,
        ),
      });
      expect(events.at(-1)).toMatchObject({ type: "finished", exitCode: 3 });
      expect(await log(one.services.get("app")?.container)).toBe("started\n");
      const slow = {
        services: [db, app("two"), other],
        onDeploy: [hook("app", "echo waiting; sleep 60", 2)],
      };
      await expect(deploy(slow, { deployment: "dep3" })).rejects.toMatchObject({
        message: expect.stringMatching(/was not done in 2 s\n {2}waiting/),
      });
      expect(events.at(-1)).toMatchObject({ type: "finished", exitCode: null });
      // What could not be seeded is seeded by the next deployment.
      const seeding = (line: string) => ({
        services: [db, app("three"), other],
        onCreate: [hook("app", line)],
      });
      await expect(deploy(seeding("exit 1"), { deployment: "dep4" })).rejects.toThrow("exit code 1");
      await deploy(seeding("echo seeded >> /work/log"), { deployment: "dep5" });
      expect(events.map(({ type }) => type)).toEqual(["started", "finished"]);
      await deploy(seeding("exit 1"), { deployment: "dep6" });
      expect(await findEnvironments(docker, owner.agent, AbortSignal.timeout(60_000))).toMatchObject([
        { containers: 3, running: 3 },
      ]);
    });
  },
  ({ name }) => name === "28c",
);
