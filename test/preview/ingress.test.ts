import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { buffer } from "node:stream/consumers";
import { beforeAll, expect, test } from "vitest";
import { connectDocker, type Docker, inspectContainer } from "../../src/docker/index.js";
import {
  directProbe,
  hostsOf,
  type Probe,
  type StartOptions,
  startEnvironment,
  stopEnvironment,
} from "../../src/preview/index.js";
import { docker as cli, onEachEngine } from "../support/engines.js";
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
import { relayTo } from "./relay.js";

const cleanUp = cleanUpAfterEach();

/** Echoes what it gets on an upgraded connection; digests bodies; gives as many bytes as it is asked for. */
const program = `
const { createServer } = require("node:http");
const { createHash } = require("node:crypto");
const server = createServer((request, response) => {
  if (request.method === "GET") {
    let left = Number(request.url.slice(1));
    const more = () => { while (left > 0) { left -= 65536; if (!response.write(Buffer.alloc(65536, 7))) return response.once("drain", more); } response.end(); };
    return more();
  }
  const hash = createHash("sha256");
  request.on("data", (chunk) => hash.update(chunk)).on("end", () => response.end(hash.digest("hex")));
});
server.on("upgrade", (request, socket) => {
  socket.write("HTTP/1.1 101 Switching Protocols\\r\\nupgrade: websocket\\r\\nconnection: Upgrade\\r\\n\\r\\n");
  socket.pipe(socket);
});
server.listen(8080);
process.on("SIGTERM", () => process.exit());
`;

const web = (who: string) => ({
  kind: "web",
  image: "busybox",
  command: ["sh", "-c", serve(who)],
  expose: 8080,
  health: { path: "/who" },
});

onEachEngine(
  (engine) => {
    let docker: Docker;
    beforeAll(async () => {
      docker = await dockerOf(engine);
    });

    const previewOf = async (pr: number, services: object, more: Partial<StartOptions> = {}) => {
      const one = environment(engine, manifestOf(services));
      cleanUp.push(() => cleared(docker, one.owner));
      const at = { name: `pr-${pr}`, project: one.owner.environment };
      const hosts = hostsOf(one.manifest, at, { scheme: "http", domain: "localhost", port: 8088 });
      const running = await startEnvironment(docker, one.manifest, { ...one.options, hosts, ...more });
      const [host] = [...hosts.values()].map((address) => address.host);
      return { ...one, running, hosts, host: host ?? "" };
    };

    /** For what the ingress does by itself. */
    const newest = engine.name === "28c";

    test("previews side by side answer by their names, from the start on or when they come, until they go", async () => {
      const one = await previewOf(1, { web: web("one") });
      const port = await ingressOn(docker, cleanUp);
      const bound = () => ingressOn(docker, cleanUp, { agents: [one.owner.agent] });
      const before = await bound();
      expect(await askHost(port, one.host)).toEqual({ status: 200, body: "one\n" });
      const two = await previewOf(2, { web: web("two"), admin: web("admin") });
      const [front, admin] = [...two.hosts.values()].map(({ host }) => host);
      expect(front).toMatch(/^web\.pr-2-/);
      await askUntil(port, front ?? "", ({ status }) => status === 200);
      expect((await askUntil(port, admin ?? "", ({ status }) => status === 200)).body).toBe("admin\n");
      expect((await askHost(port, front ?? "")).body).toBe("two\n");
      expect((await askHost(port, one.host)).body).toBe("one\n");
      // One that is bound to an agent answers for its previews alone, whether it saw the others come or found them.
      for (const own of [before, await bound()]) {
        expect(await askHost(own, one.host)).toEqual({ status: 200, body: "one\n" });
        expect((await askHost(own, front ?? "")).status).toBe(404);
      }
      await stopEnvironment(docker, one.owner, soon(), { graceSeconds: 0 });
      expect((await askUntil(port, one.host, ({ status }) => status === 404)).body).toContain("no preview");
      expect((await askHost(port, front ?? "")).status).toBe(200);
    });

    test("a container that comes back at another address is followed, and whoever has its old one gets nothing of its", async () => {
      const one = await previewOf(1, { web: web("one") });
      const port = await ingressOn(docker, cleanUp);
      const id = one.running.services.get("web")?.container ?? "";
      const network = `galley-pv-${one.owner.environment}`;
      const addressOf = async () => (await inspectContainer(docker, id, soon()))?.addresses[network] ?? "";
      const old = await addressOf();
      await cli(engine, ["stop", "-t", "0", id]);
      const args = ["run", "-d", "--network", network, "--ip", old, "busybox", "sh", "-c", serve("other")];
      const other = (await cli(engine, args)).trim();
      cleanUp.push(() => cli(engine, ["rm", "-f", other]));
      const answers: string[] = [];
      await cli(engine, ["start", id]);
      await askUntil(port, one.host, ({ status, body }) => {
        answers.push(body);
        return status === 200;
      });
      expect(await addressOf()).not.toBe(old);
      expect(answers.at(-1)).toBe("one\n");
      expect(answers).not.toContain("other\n");
    });

    test("a container gets requests only while its health check says that it is healthy", async () => {
      const port = await ingressOn(docker, cleanUp);
      const host = `h${randomBytes(6).toString("hex")}.localhost`;
      const labels = {
        "traefik.enable": "true",
        [`traefik.http.routers.${host.split(".")[0]}.rule`]: `Host(\`${host}\`)`,
        [`traefik.http.services.${host.split(".")[0]}.loadbalancer.server.port`]: "8080",
      };
      const args = [
        "run",
        "-d",
        "--health-cmd",
        "test -e /ok",
        "--health-interval",
        "1s",
        "--health-retries",
        "1",
      ];
      const labelled = Object.entries(labels).flatMap(([key, value]) => ["--label", `${key}=${value}`]);
      const id = (await cli(engine, [...args, ...labelled, "busybox", "sh", "-c", serve("well")])).trim();
      cleanUp.push(() => cli(engine, ["rm", "-f", id]));
      expect((await askHost(port, host)).status).toBe(404);
      await cli(engine, ["exec", id, "touch", "/ok"]);
      expect((await askUntil(port, host, ({ status }) => status === 200)).body).toBe("well\n");
      await cli(engine, ["exec", id, "rm", "/ok"]);
      await askUntil(port, host, ({ status }) => status === 404);
    });

    if (newest)
      test("what happened while the engine was out of reach is seen when it is back", async () => {
        const one = await previewOf(1, { web: web("one") });
        const relay = relayTo(engine);
        cleanUp.push(() => relay.remove());
        const { socketPath } = relay;
        const port = await ingressOn(await connectDocker({ socketPath }), cleanUp);
        expect((await askHost(port, one.host)).status).toBe(200);
        await relay.cut();
        const two = await previewOf(2, { web: web("two") });
        expect((await askHost(port, one.host)).status).toBe(200);
        expect((await askHost(port, two.host)).status).toBe(404);
        await stopEnvironment(docker, one.owner, soon(), { graceSeconds: 0 });
        relay.restore();
        await askUntil(port, two.host, ({ status }) => status === 200);
        expect((await askHost(port, one.host)).status).toBe(404);
      });

    test("where networks are out of reach, ports on 127.0.0.1 take their place, and follow a restart", async () => {
      const asked: (number | undefined)[] = [];
      const probe: Probe = (target, signal) => {
        asked.push(target.published);
        return directProbe({ ...target, address: "192.0.2.1" }, signal);
      };
      const one = await previewOf(1, { web: web("one") }, { publish: true, probe });
      expect(asked[0]).toBeGreaterThan(0);
      const id = one.running.services.get("web")?.container ?? "";
      const [{ HostConfig }] = JSON.parse(await cli(engine, ["inspect", id]));
      expect(HostConfig.PortBindings["8080/tcp"]).toMatchObject([{ HostIp: "127.0.0.1" }]);
      const port = await ingressOn(docker, cleanUp, { usePublished: true });
      expect((await askHost(port, one.host)).body).toBe("one\n");
      await cli(engine, ["restart", "-t", "0", id]);
      expect((await askUntil(port, one.host, ({ status }) => status === 200)).body).toBe("one\n");
    });

    if (newest)
      test("200 MB go through in either direction unharmed, and a WebSocket stays open", async () => {
        const echo = {
          kind: "web",
          image: "node:22",
          command: ["node", "-e", program],
          expose: 8080,
          health: { path: "/1" },
        };
        const one = await previewOf(1, { echo });
        const port = await ingressOn(docker, cleanUp);
        const socket = connect(port, "127.0.0.1");
        cleanUp.push(() => socket.destroy());
        socket.write(
          `GET / HTTP/1.1\r\nhost: ${one.host}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n`,
        );
        expect(String((await once(socket, "data"))[0])).toMatch(/^HTTP\/1\.1 101 /);

        const megabyte = randomBytes(1024 * 1024);
        const hash = createHash("sha256");
        const upload = request({
          host: "127.0.0.1",
          port,
          method: "PUT",
          agent: false,
          headers: { host: one.host },
        });
        const answered = once(upload, "response") as Promise<[IncomingMessage]>;
        for (let sent = 0; sent < 200; sent++) {
          hash.update(megabyte);
          if (!upload.write(megabyte)) await once(upload, "drain");
        }
        upload.end();
        expect(String(await buffer((await answered)[0]))).toBe(hash.digest("hex"));

        const download = request({
          host: "127.0.0.1",
          port,
          path: `/${200 * 1024 * 1024}`,
          agent: false,
          headers: { host: one.host },
        });
        download.end();
        const [response] = (await once(download, "response")) as [IncomingMessage];
        let bytes = 0;
        for await (const chunk of response) bytes += (chunk as Buffer).length;
        expect(bytes).toBe(200 * 1024 * 1024);

        socket.write("still here");
        expect(String((await once(socket, "data"))[0])).toBe("still here");
      });
  },
  ({ name }) => name === "28c" || name === "20",
);
