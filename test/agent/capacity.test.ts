// A hundred small previews on one agent that nobody has told anything about capacity: up at once, routed, and gone again.
import { afterEach, beforeEach, expect, test } from "vitest";
import { startIngress } from "../../src/ingress/index.js";
import { askHost, dockerOf, serve } from "../preview/engine-docker.js";
import { docker, labEngines } from "../support/engines.js";
import { manifest } from "./files.js";
import { type Deployment, leftOf, startWorld, type World } from "./world.js";

const engine = labEngines().find(({ name }) => name === "28c") ?? labEngines()[0]!;
const count = 100;

let world: World;
beforeEach(async () => {
  // As often as outside of tests: each look is at all of them.
  world = await startWorld(engine, { reconcileMs: 5_000 });
});
afterEach(() => world?.remove());

/** All that have been asked for, once they have ended. Seldom asked: that keeps the server busy, too. */
const allEnded = async (): Promise<Deployment[]> => {
  const all = async () => {
    const path = `/projects/${world.project}/deployments?limit=${2 * count}`;
    return (await world.call<{ deployments: Deployment[] }>("GET", path)).deployments;
  };
  const open = async () => (await all()).filter(({ final }) => !final).length;
  await expect.poll(open, { timeout: 600_000, interval: 2_000 }).toBe(0);
  return await all();
};

test(`${count} pull requests are ${count} previews of one agent at once, each on a network of its own and with its limits, that answer by their names and go without a trace`, async () => {
  const agent = await world.start(await world.agent("hundred"), { GALLEY_DRAIN_SECONDS: "5" });
  const web = {
    kind: "web",
    image: "busybox",
    command: ["sh", "-c", serve(`\${GALLEY_ENVIRONMENT}`)],
    expose: 8080,
  };
  for (let pr = 1; pr <= count; pr++) {
    world.push(pr, { "galley.yml": manifest({ web }) });
    await world.deploy(pr);
  }
  const ended = await allEnded();
  expect(ended).toHaveLength(count);
  expect(ended.filter(({ state }) => state !== "running")).toEqual([]);

  const label = `label=sh.galley.agent=${agent.id}`;
  const linesOf = async (args: string[]) =>
    (await docker(engine, args)).split("\n").filter((line) => line !== "");
  const ids = await linesOf(["ps", "-q", "--filter", label]);
  expect(ids).toHaveLength(count);
  const format = "{{.State.Running}} {{.HostConfig.NanoCpus}} {{.HostConfig.Memory}}";
  const limits = await linesOf(["inspect", "--format", format, ...ids]);
  expect([...new Set(limits)]).toEqual([`true ${1.5e9} ${1024 ** 3}`]);
  const networks = await linesOf(["network", "ls", "-q", "--filter", label]);
  const subnet = "{{range .IPAM.Config}}{{.Subnet}}{{end}} {{len .Containers}}";
  const subnets = await linesOf(["network", "inspect", "--format", subnet, ...networks]);
  // Of one size, so that two overlap only where they are the same.
  expect(subnets.filter((line) => !/^10\.\d+\.\d+\.\d+\/28 1$/.test(line))).toEqual([]);
  expect(new Set(subnets).size).toBe(count);

  const abort = new AbortController();
  const ingress = await startIngress({
    docker: await dockerOf(engine),
    port: 0,
    log: { info: () => {}, warn: () => {} },
    signal: abort.signal,
  });
  try {
    for (const { url, environment } of ended) {
      const { hostname } = new URL(url ?? "");
      expect(await askHost(ingress.port, hostname)).toEqual({ status: 200, body: `${environment.name}\n` });
    }
  } finally {
    abort.abort();
    await ingress.closed;
  }

  for (const { environment } of ended) await world.call("POST", `/environments/${environment.id}/terminate`);
  expect((await allEnded()).map(({ state }) => state)).toEqual([
    ...Array<string>(count).fill("terminated"),
    ...ended.map(() => expect.any(String)),
  ]);
  expect(await leftOf(engine, agent.id)).toEqual([]);
}, 1_300_000);
