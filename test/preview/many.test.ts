import { performance } from "node:perf_hooks";
import { beforeAll, expect, test } from "vitest";
import { type Docker, findContainers, findNetworks, findVolumes } from "../../src/docker/index.js";
import { startIngress } from "../../src/ingress/index.js";
import { findEnvironments, hostsOf, startEnvironment, stopEnvironment } from "../../src/preview/index.js";
import { labName, onEachEngine } from "../support/engines.js";
import { askHost, dockerOf, environment, manifestOf, serve, soon } from "./engine-docker.js";

/** Few: test/agent/capacity.test.ts has dozens. GALLEY_TEST_PREVIEWS=100 is what the numbers in docs/previews.md are from. */
const count = Number(process.env.GALLEY_TEST_PREVIEWS ?? 4);
const atOnce = 4;

const manifest = manifestOf({
  web: {
    kind: "web",
    image: "busybox",
    command: ["sh", "-c", serve("web")],
    expose: 8080,
    depends_on: ["db"],
  },
  db: { image: "busybox", command: ["sh", "-c", "trap 'exit 0' TERM; sleep 86400 & wait"] },
});

/** Counts what is asked of an engine through a connection. */
function counted(docker: Docker): { calls: () => number } {
  let calls = 0;
  const { modem } = docker as unknown as { modem: { dial: (...args: unknown[]) => unknown } };
  const dial = modem.dial.bind(modem);
  modem.dial = (...args) => {
    calls += 1;
    return dial(...args);
  };
  return { calls: () => calls };
}

async function all<Item>(items: readonly Item[], work: (item: Item) => Promise<unknown>): Promise<number> {
  const began = performance.now();
  const waiting = [...items];
  const worker = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return (performance.now() - began) / 1000;
}

onEachEngine(
  (engine) => {
    let docker: Docker;
    beforeAll(async () => {
      docker = await dockerOf(engine);
    });

    test(
      `${count} previews stand on one engine at once, each answers by its name, and nothing is left of them`,
      async () => {
        const agent = labName("agt");
        const previews = Array.from({ length: count }, (_, index) => {
          const one = environment(engine, manifest, agent);
          const at = { name: `pr-${index + 1}`, project: agent };
          const hosts = hostsOf(manifest, at, { scheme: "http", domain: "localhost", port: 8088 });
          const [{ host } = { host: "" }] = [...hosts.values()];
          return { ...one, hosts, host };
        });
        const abort = new AbortController();
        const log = { info: () => {}, warn: () => {} };
        const ingress = await startIngress({
          docker: await dockerOf(engine),
          port: 0,
          log,
          signal: abort.signal,
        });
        const { calls } = counted(docker);
        try {
          const up = await all(previews, ({ options, hosts }) =>
            startEnvironment(docker, manifest, { ...options, hosts, signal: soon(1_200_000) }),
          );
          const started = calls();
          expect(await findEnvironments(docker, agent, soon())).toHaveLength(count);
          await all(previews, async ({ host }) =>
            expect(await askHost(ingress.port, host)).toEqual({ status: 200, body: "web\n" }),
          );
          const before = calls();
          const down = await all(previews, ({ owner }) => stopEnvironment(docker, owner, soon(1_200_000)));
          const perMinute = (seconds: number) => Math.round((count / seconds) * 60);
          console.log(
            `${count} previews: ${perMinute(up)} up and ${perMinute(down)} down a minute, ` +
              `${Math.round(started / count)} calls of the engine each to start and ${Math.round((calls() - before) / count)} to stop`,
          );
          const labels = { "sh.galley.agent": agent };
          const left = await Promise.all([
            findContainers(docker, labels, soon()),
            findNetworks(docker, labels, soon()),
            findVolumes(docker, labels, soon()),
          ]);
          expect(left.flat()).toEqual([]);
        } finally {
          await all(previews, ({ owner }) => stopEnvironment(docker, owner, soon(), { graceSeconds: 0 }));
          abort.abort();
          await ingress.closed;
        }
      },
      180_000 + count * 10_000,
    );
  },
  ({ name }) => name === "28c",
);
