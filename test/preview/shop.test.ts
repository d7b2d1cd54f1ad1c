import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Docker } from "../../src/docker/index.js";
import { startIngress } from "../../src/ingress/index.js";
import { parseManifest } from "../../src/manifest/index.js";
import { findEnvironments, hostsOf, startEnvironment, stopEnvironment } from "../../src/preview/index.js";
import { docker as cli, labName, onEachEngine, purgeImage } from "../support/engines.js";
import { askHost, askUntil, cleared, dockerOf, environment, soon } from "./engine-docker.js";

const shop = fileURLToPath(new URL("../../examples/shop", import.meta.url));
const manifest = parseManifest(readFileSync(`${shop}/galley.yml`, "utf8"));

onEachEngine(
  (engine) => {
    const tags = { web: labName("web"), api: labName("api") };
    const images = new Map([...Object.entries(tags), ["db", "postgres:16-alpine"]]);
    const agent = labName("agt");
    // Other tests run the sample too, and an ingress routes to whatever its engine has: these are asked by names of their own.
    const project = `shop-${randomBytes(4).toString("hex")}`;
    const hostOf = (pr: number) => `pr-${pr}-${project}.localhost`;
    const previews = [1, 2].map((pr) => {
      const one = environment(engine, manifest, agent);
      const at = { name: `pr-${pr}`, project };
      return {
        owner: one.owner,
        options: {
          ...one.options,
          images,
          limits: { cpus: 1.5, memory: 512 * 1024 * 1024 },
          hosts: hostsOf(manifest, at, { scheme: "http", domain: "localhost", port: 8088 }),
        },
      };
    });
    const [one, two] = previews as [(typeof previews)[0], (typeof previews)[0]];
    const ending = new AbortController();
    let docker: Docker;
    let port = 0;
    let closed: Promise<void> | undefined;
    const start = (preview: typeof one, more: object = {}) =>
      // How long old containers go on is the matter of the tests of switching.
      startEnvironment(docker, manifest, { ...preview.options, signal: soon(), switchMs: 0, ...more });
    const visit = async (host: string) => {
      const { status, body } = await askHost(port, host, "/api/visits", "POST");
      return [status, JSON.parse(body)];
    };
    /** Sees to it that a preview runs, and resolves with how many visits it has then. */
    const visited = async (preview: typeof one, host = hostOf(1)): Promise<number> => {
      if ((await askHost(port, host, "/")).status !== 200) await start(preview);
      await askUntil(port, host, ({ status }) => status === 200, "/");
      const [, { visits }] = await visit(host);
      return visits;
    };
    beforeAll(async () => {
      docker = await dockerOf(engine);
      for (const [service, tag] of Object.entries(tags))
        await cli(engine, ["build", "-q", "-t", tag, `${shop}/${service}`], { timeoutMs: 600_000 });
      const log = { info: () => {}, warn: () => {} };
      ({ port, closed } = await startIngress({ docker, port: 0, log, signal: ending.signal }));
    });
    afterAll(async () => {
      ending.abort();
      await closed;
      for (const { owner } of previews) await cleared(docker, owner);
      for (const tag of Object.values(tags)) await purgeImage(engine, tag);
    });

    // A second try counts from one again, as the first did.
    afterEach(async ({ task }) => {
      if (task.result?.state === "fail") for (const { owner } of previews) await cleared(docker, owner);
    });

    test("two pull requests of the sample run side by side, each with a database of its own", async () => {
      const started = await Promise.all(previews.map((preview) => start(preview)));
      expect(started.map(({ url }) => url)).toEqual([`http://${hostOf(1)}:8088`, `http://${hostOf(2)}:8088`]);
      const page = await askUntil(port, `${hostOf(1)}:8088`, ({ status }) => status === 200, "/");
      expect(page.body).toContain("The ship's shop");
      expect(await visit(hostOf(1))).toEqual([200, { visits: 1 }]);
      expect(await visit(hostOf(1))).toEqual([200, { visits: 2 }]);
      expect(await visit(hostOf(2))).toEqual([200, { visits: 1 }]);
      for (const host of [`api.${hostOf(1)}`, `db.${hostOf(1)}`, hostOf(3)])
        expect((await askHost(port, host, "/")).status).toBe(404);
    });

    test("a database that is made anew has its rows still, and all that had looked it up finds it", async () => {
      const before = await visited(one);
      const { services } = await start(one, { deployment: "next", limits: { memory: 400 * 1024 * 1024 } });
      await askUntil(port, hostOf(1), ({ status }) => status === 200, "/");
      expect(await visit(hostOf(1))).toEqual([200, { visits: before + 1 }]);
      const mounts = await cli(engine, [
        "inspect",
        services.get("db")?.container ?? "",
        "--format",
        "{{json .Mounts}}",
      ]);
      expect(JSON.parse(mounts)).toMatchObject([
        { Type: "volume", Name: expect.stringMatching(`^galley-pv-${one.owner.environment}-db-`) },
      ]);
    });

    test("a database's volume goes with its environment, nothing of it is left, and the other one has its rows", async () => {
      await visited(one);
      const other = await visited(two, hostOf(2));
      await stopEnvironment(docker, one.owner, soon());
      expect((await findEnvironments(docker, agent, soon())).map(({ environment: id }) => id)).toEqual([
        two.owner.environment,
      ]);
      const left = await Promise.all(
        [
          ["ps", "-aq"],
          ["network", "ls", "-q"],
          ["volume", "ls", "-q"],
        ].map((args) => cli(engine, [...args, "--filter", `name=${one.owner.environment}`])),
      );
      expect(left.join("")).toBe("");
      expect(await visit(hostOf(2))).toEqual([200, { visits: other + 1 }]);
    });
  },
  ({ name }) => name === "28c",
);
