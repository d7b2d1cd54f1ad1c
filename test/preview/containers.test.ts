import { randomBytes } from "node:crypto";
import { beforeAll, expect, test } from "vitest";
import { type Docker, inspectContainer } from "../../src/docker/index.js";
import type { Manifest, Service } from "../../src/manifest/index.js";
import { type StartOptions, startEnvironment, stopEnvironment } from "../../src/preview/index.js";
import { docker as cli, labName, onEachEngine, purgeImage } from "../support/engines.js";
import { cleanUpAfterEach } from "./clean-up.js";
import { cleared, dockerOf, environment, serve, soon } from "./engine-docker.js";

const cleanUp = cleanUpAfterEach();

const rest = "trap 'exit 0' TERM; sleep 3600 & wait";
const service = (name: string, more: Partial<Service> = {}): Service => ({
  name,
  kind: "other",
  image: "busybox",
  command: ["sh", "-c", rest],
  env: {},
  dependsOn: [],
  ...more,
});

onEachEngine(
  (engine) => {
    let docker: Docker;
    beforeAll(async () => {
      docker = await dockerOf(engine);
    });
    const made = (...services: Service[]) => {
      const one = environment(engine, { services });
      cleanUp.push(() => cleared(docker, one.owner));
      const deploy = (manifest: Manifest = one.manifest, more: Partial<StartOptions> = {}) => {
        const images = new Map(manifest.services.map(({ name, image }) => [name, image ?? ""]));
        return startEnvironment(docker, manifest, { ...one.options, images, switchMs: 0, ...more });
      };
      return { ...one, deploy };
    };
    const inside = (container: string, command: string) =>
      cli(engine, ["exec", container, "sh", "-c", command]);
    const inspected = async (container: string) => JSON.parse(await cli(engine, ["inspect", container]))[0];
    const volumes = async ({ environment: id }: { environment: string }) =>
      (await cli(engine, ["volume", "ls", "-q", "--filter", `label=sh.galley.environment=${id}`]))
        .trim()
        .split("\n")
        .filter(Boolean);

    test("a container is what the manifest says, seen from inside and from outside", async () => {
      const secret = randomBytes(12).toString("hex");
      const { deploy } = made(
        service("app", {
          entrypoint: ["sh", "-c"],
          command: [`pwd > /tmp/at; id -u > /tmp/who; ${rest}`],
          workingDirectory: "/var/tmp",
          user: "1234:1234",
          restart: "on-failure",
          resources: { cpus: 0.5, memory: 48 * 1024 * 1024 },
          files: [
            { target: "/etc/app/deep/config.yml", content: { text: "a: 1\n" }, mode: 0o444 },
            { target: "/run/secrets/token", content: { secret: "TOKEN" }, mode: 0o444 },
            {
              target: "/tmp/bytes",
              content: { base64: Buffer.from([0, 255, 10]).toString("base64") },
              mode: 0o400,
            },
          ],
          healthCheck: {
            test: ["CMD", "true"],
            intervalSeconds: 1,
            timeoutSeconds: 2,
            retries: 4,
            startPeriodSeconds: 3,
          },
          volumes: [{ target: "/data", readOnly: true }],
        }),
      );
      const { services } = await deploy(undefined, {
        limits: { cpus: 1, memory: 512 * 1024 * 1024 },
        secrets: { TOKEN: secret },
      });
      const id = services.get("app")?.container ?? "";
      expect(await inside(id, "cat /tmp/at /tmp/who")).toBe("/var/tmp\n1234\n");
      expect(await inside(id, "cat /etc/app/deep/config.yml; ls -ld /etc/app/deep | cut -c1-10")).toBe(
        "a: 1\ndrwxr-xr-x\n",
      );
      expect(await inside(id, "cat /run/secrets/token")).toBe(secret);
      expect(await inside(id, "ls -l /tmp/bytes | cut -c1-10; ls -ld /tmp | cut -c1-10")).toBe(
        "-r--------\ndrwxrwxrwt\n",
      );
      expect(await inside(id, "touch /data/x 2>&1 || echo refused")).toContain("refused");
      const found = await inspected(id);
      expect(JSON.stringify(found)).not.toContain(secret);
      expect(found.HostConfig).toMatchObject({
        RestartPolicy: { Name: "on-failure" },
        Memory: 48 * 1024 * 1024,
        NanoCpus: 500_000_000,
        PidsLimit: 1024,
        CapDrop: ["ALL"],
        SecurityOpt: ["no-new-privileges"],
        Privileged: false,
        LogConfig: { Type: "json-file", Config: { "max-size": "10m", "max-file": "3" } },
      });
      expect(found.Config.Healthcheck).toMatchObject({
        Test: ["CMD", "true"],
        Interval: 1_000_000_000,
        Timeout: 2_000_000_000,
        StartPeriod: 3_000_000_000,
        Retries: 4,
      });
      // What it does not have is not there: root's way back, raw sockets, the engine.
      expect(await inside(id, "grep -E 'NoNewPrivs|CapEff' /proc/self/status")).toMatch(
        /CapEff:\s+0{16}\nNoNewPrivs:\s+1/,
      );
      expect(await inside(id, "ls /var/run/docker.sock /run/docker.sock 2>&1; true")).not.toMatch(/^\/\S+$/m);
    });

    test("a migration runs to its end before what waits for it starts, and is not run again while nothing changes", async () => {
      const migrate = service("migrate", { command: ["sh", "-c", "sleep 1; echo migrated >> /shared/log"] });
      const volumes_ = [{ name: "shared", target: "/shared", readOnly: false }];
      const app = service("app", {
        command: ["sh", "-c", `cat /shared/log; ${rest}`],
        dependsOn: [{ service: "migrate", until: "completed" }],
        volumes: volumes_,
      });
      const { deploy } = made({ ...migrate, volumes: volumes_ }, app);
      const one = await deploy();
      const id = one.services.get("app")?.container ?? "";
      expect(await cli(engine, ["logs", id])).toBe("migrated\n");
      const two = await deploy(undefined, { deployment: "dep2" });
      expect(two.services).toEqual(one.services);
      expect(await inside(id, "cat /shared/log")).toBe("migrated\n");
      const failing = made(service("migrate", { command: ["sh", "-c", "echo no table; exit 6"] }), {
        ...app,
        volumes: [],
      });
      await expect(failing.deploy()).rejects.toMatchObject({
        code: "container_failed",
        message: expect.stringMatching(/service migrate ended with exit code 6\n {2}no table/),
      });
    });

    test("what waits only for a start does not wait for health", async () => {
      const states: string[] = [];
      const slow = service("slow", {
        command: ["sh", "-c", `sleep 3; ${serve("slow")}`],
        kind: "api",
        expose: 8080,
        health: { path: "/who", status: 200, timeoutSeconds: 30 },
      });
      const { deploy } = made(slow, service("app", { dependsOn: [{ service: "slow", until: "started" }] }));
      await deploy(undefined, { onState: (name, state) => states.push(`${name} ${state}`) });
      expect(states).toEqual(["slow starting", "app starting", "app healthy", "slow healthy"]);
    });

    test("volumes live as long as the environment, ephemeral ones as long as a deployment, and all of them go with it", async () => {
      const write = `echo x >> /data/rows; echo x >> /scratch/rows; ${rest}`;
      const shared = [{ name: "scratch", target: "/scratch", readOnly: false }];
      const kept = service("kept", {
        kind: "database",
        command: ["sh", "-c", write],
        volumes: [
          { target: "/data", readOnly: false },
          { target: "/scratch", readOnly: false },
        ],
      });
      const fresh = service("fresh", {
        ephemeral: true,
        command: ["sh", "-c", write],
        volumes: [{ target: "/data", readOnly: false }, ...shared],
      });
      const { deploy, owner } = made(kept, fresh, service("other", { ephemeral: true, volumes: shared }));
      const anonymous = async () =>
        (await cli(engine, ["volume", "ls", "-q"]))
          .trim()
          .split("\n")
          .filter((name) => /^[0-9a-f]{64}$/.test(name));
      const before = await anonymous();
      await deploy();
      const manifest = {
        services: [
          { ...kept, env: { A: "2" } },
          fresh,
          service("other", { ephemeral: true, volumes: shared }),
        ],
      };
      const { services } = await deploy(manifest, { deployment: "dep2" });
      const rows = async (name: string, path: string) =>
        (await inside(services.get(name)?.container ?? "", `cat ${path}/rows`)).split("x").length - 1;
      expect(await rows("kept", "/data")).toBe(2);
      expect(await rows("kept", "/scratch")).toBe(2);
      expect(await rows("fresh", "/data")).toBe(1);
      expect(await rows("fresh", "/scratch")).toBe(1);
      expect(await inside(services.get("other")?.container ?? "", "cat /scratch/rows")).toBe("x\n");
      expect((await volumes(owner)).filter((name) => name.includes("scratch"))).toEqual([
        `galley-pv-${owner.environment}.scratch.2`,
      ]);
      await stopEnvironment(docker, owner, soon());
      expect(await volumes(owner)).toEqual([]);
      expect((await anonymous()).filter((name) => !before.includes(name))).toEqual([]);
    });

    test("why a service does not come up is said in words", async () => {
      const failure = async (more: Partial<Service>, options: Partial<StartOptions> = {}) => {
        const { deploy } = made(service("app", more));
        return await deploy(undefined, options).then(
          () => "it came up",
          (error: Error) => error.message,
        );
      };
      const web = {
        kind: "api" as const,
        expose: 8080,
        health: { path: "/who", status: 200, timeoutSeconds: 6 },
      };
      // In vain: on a busy machine a program may live for a second before it has come to its end.
      const asked = { ...web, health: { path: "/", status: 200, timeoutSeconds: 60 } };
      const said = await Promise.all([
        failure(
          { command: ["sh", "-c", "exec tail /dev/zero"], ...asked },
          { limits: { memory: 16 * 1024 * 1024 } },
        ),
        failure({ command: ["sh", "-c", serve("x", 3000)], ...web }),
        failure({
          command: ["sh", "-c", "mkdir /www; exec httpd -f -p 127.0.0.1:8080 -h /www"],
          ...web,
        }),
        failure({
          command: ["sh", "-c", serve("x")],
          ...web,
          health: { path: "/no", status: 200, timeoutSeconds: 8 },
        }),
        failure({ command: ["sh", "-c", "echo bye"], ...asked }),
        failure({ command: ["no-such-program", "--flag"] }),
        failure({ command: ["sh", "-c", "nothing-here"], ...asked }),
        failure({ user: "nobody-of-that-name" }),
        failure({
          healthCheck: { test: ["CMD", "false"], intervalSeconds: 1, retries: 1 },
          health: { path: "/", status: 200, timeoutSeconds: 4 },
          expose: 80,
        }),
      ]);
      expect(said).toEqual([
        expect.stringContaining("ran out of memory: its limit is 16 MB"),
        expect.stringContaining("nothing answers on port 8080: it listens on port 3000 instead"),
        expect.stringContaining("it listens on 127.0.0.1:8080 alone"),
        expect.stringContaining("/no answers 404 instead of 200"),
        expect.stringContaining("ended with exit code 0, and is meant to go on"),
        expect.stringContaining("its command was not found (no-such-program --flag)"),
        expect.stringContaining("exit code 127: its command was not found"),
        expect.stringContaining("its user is not in the image"),
        expect.stringMatching(/its health check says (starting|unhealthy)/),
      ]);
    });

    test("an image for another machine is refused before anything starts, unless an emulator runs it: then it is told", async () => {
      const tag = labName("other-machine");
      const other = process.arch === "x64" ? "arm64" : "amd64";
      const input = 'FROM scratch\nCOPY --from=busybox /bin/busybox /app\nCMD ["/app"]\n';
      await cli(engine, ["build", "-q", "--platform", `linux/${other}`, "-t", tag, "-"], {
        input: input.replace("COPY --from=busybox /bin/busybox /app", "LABEL a=b"),
      });
      cleanUp.push(() => purgeImage(engine, tag));
      const notes: string[] = [];
      const { deploy } = made(service("app", { image: tag }));
      const onNote = (text: string) => notes.push(text);
      await expect(deploy(undefined, { onNote })).rejects.toMatchObject({
        code: "image_platform_unsupported",
        message: expect.stringContaining(`service app is for linux/${other}, and this engine`),
      });
      expect(notes).toEqual([]);
      // It goes on to the start, which fails, as this emulator is none.
      await expect(deploy(undefined, { onNote, emulates: async () => true })).rejects.toMatchObject({
        code: "container_failed",
      });
      expect(notes).toEqual([expect.stringContaining("it is run by an emulator")]);
    });

    test("a network that has become too small is told, and made larger once nothing is on it", async () => {
      const { deploy, owner } = made(service("s0"));
      await deploy();
      const many = { services: Array.from({ length: 8 }, (_, n) => service(`s${n}`)) };
      await expect(deploy(many)).rejects.toMatchObject({
        code: "preview_subnets_used_up",
        message: expect.stringContaining("fewer services than the 8"),
      });
      await stopEnvironment(docker, owner, soon(), { graceSeconds: 0 });
      const { services } = await deploy(many);
      expect(services.size).toBe(8);
      expect(await inspectContainer(docker, services.get("s7")?.container ?? "", soon())).toMatchObject({
        running: true,
      });
    });
  },
  ({ name }) => name === "28c",
);
