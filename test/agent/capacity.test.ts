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
  world = await startWorld(engine);
});
afterEach(() => world?.remove());

/** One after the other: who waits for a hundred at once keeps the server busy with answering. */
const allEnded = async (deployments: readonly { readonly id: string }[]): Promise<Deployment[]> => {
  const ended: Deployment[] = [];
  for (const { id } of deployments) ended.push(await world.ended(id));
  return ended;
};

test(`${count} pull requests are ${count} previews of one agent at once, each on a network of its own and with its limits, that answer by their names and go without a trace`, async () => {
  const agent = await world.start(await world.agent("hundred"), { GALLEY_DRAIN_SECONDS: "5" });
  const web = {
    kind: "web",
    image: "busybox",
    command: ["sh", "-c", serve(`\${GALLEY_ENVIRONMENT}`)],
    expose: 8080,
  };
  const deployments: Deployment[] = [];
  for (let pr = 1; pr <= count; pr++) {
    world.push(pr, { "galley.yml": manifest({ web }) });
    deployments.push(await world.deploy(pr));
  }
  const ended = await allEnded(deployments);
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

  const removals: { id: string }[] = [];
  for (const { environment } of ended)
    removals.push(await world.call("POST", `/environments/${environment.id}/terminate`));
  expect((await allEnded(removals)).filter(({ state }) => state !== "terminated")).toEqual([]);
  expect(await leftOf(engine, agent.id)).toEqual([]);
}, 900_000);
