// Dozens of small previews on one agent that nobody has told anything about capacity, by looking at their containers.
import { afterEach, beforeEach, expect, test } from "vitest";
import { startIngress } from "../../src/ingress/index.js";
import { askHost, dockerOf, serve } from "../preview/engine-docker.js";
import { docker, labEngines } from "../support/engines.js";
import { manifest } from "./files.js";
import { type Deployment, startWorld, type World } from "./world.js";

const engine = labEngines().find(({ name }) => name === "28c") ?? labEngines()[0]!;
const count = 60;

let world: World;
beforeEach(async () => {
  world = await startWorld(engine);
});
afterEach(() => world?.remove());

test(`${count} pull requests are ${count} previews of one agent that answer by their names, each with the limits of services that pin none`, async () => {
  const agent = await world.start(await world.agent("dozens"), { GALLEY_DRAIN_SECONDS: "5" });
  const web = { kind: "web", image: "busybox", command: ["sh", "-c", serve("web")], expose: 8080 };
  const deployments: Deployment[] = [];
  for (let pr = 1; pr <= count; pr++) {
    world.push(pr, { "galley.yml": manifest({ web }) });
    deployments.push(await world.deploy(pr));
  }
  // One after the other: who waits for sixty at once keeps the server busy with answering.
  const ended: Deployment[] = [];
  for (const { id } of deployments) ended.push(await world.ended(id));
  expect(ended.filter(({ state }) => state !== "running")).toEqual([]);

  const ids = (await docker(engine, ["ps", "-q", "--filter", `label=sh.galley.agent=${agent.id}`]))
    .split("\n")
    .filter((line) => line !== "");
  expect(ids).toHaveLength(count);
  const format = "{{.State.Running}} {{.HostConfig.NanoCpus}} {{.HostConfig.Memory}}";
  const limits = (await docker(engine, ["inspect", "--format", format, ...ids])).trim().split("\n");
  expect([...new Set(limits)]).toEqual([`true ${1.5e9} ${1024 ** 3}`]);

  const abort = new AbortController();
  const ingress = await startIngress({
    docker: await dockerOf(engine),
    port: 0,
    log: { info: () => {}, warn: () => {} },
    signal: abort.signal,
  });
  try {
    for (const { url } of ended) {
      const { hostname } = new URL(url ?? "");
      expect(await askHost(ingress.port, hostname)).toEqual({ status: 200, body: "web\n" });
    }
  } finally {
    abort.abort();
    await ingress.closed;
  }
}, 480_000);
