// The same pull request on every engine that is supported, all the way: cloned, built, started in order, healthy, routed, and gone again.
import { afterEach, beforeEach, expect, test } from "vitest";
import { startIngress } from "../../src/ingress/index.js";
import { askUntil, dockerOf, poolOf, serve } from "../preview/engine-docker.js";
import { docker, type LabEngine, labEngines } from "../support/engines.js";
import { type LocalAgent, leftOf, startWorld, sweep, type World } from "./world.js";

/** 28 with the containerd image store is that of the other tests. */
const engines = labEngines().filter(({ name, found }) => found || name !== "28c");

let world: World;
const agents = new Map<LabEngine, LocalAgent>();
beforeEach(async () => {
  world = await startWorld(engines[0]!);
});
afterEach(async () => {
  await world?.remove();
  for (const [engine, { id }] of agents) await sweep(engine, id);
  agents.clear();
});

/** Its page is what the database has said when it started: without restarts, as it has to be there by then. */
const page =
  "trap 'exit 0' TERM; mkdir -p /www; wget -qO /www/who http://db:8080/who || exit 1; httpd -f -p 8080 -h /www & wait";
const galley = JSON.stringify({
  version: 1,
  on_deploy: { service: "db", command: "echo migrated" },
  services: {
    web: {
      kind: "web",
      build: {},
      command: ["sh", "-c", page],
      expose: 8080,
      depends_on: ["db"],
      restart: "no",
      health: { path: "/who" },
    },
    db: {
      kind: "database",
      image: "busybox:latest",
      command: ["sh", "-c", serve(`rows of \${GALLEY_ENVIRONMENT}`)],
      volumes: ["/rows"],
    },
  },
});
const files = {
  "galley.yml": galley,
  Dockerfile: "FROM busybox\nCOPY salt /salt\nRUN cat /salt > /made\n",
};

const containersOf = async (engine: LabEngine, environment: string, service: string) => {
  const labels = { environment, service };
  const filters = Object.entries(labels).flatMap(([key, value]) => [
    "--filter",
    `label=sh.galley.${key}=${value}`,
  ]);
  return (await docker(engine, ["ps", "-q", ...filters])).split("\n").filter((line) => line !== "");
};

test(`a pull request is built, healthy, routed by its name and taken down without a trace on engines ${engines.map(({ name }) => name).join(", ")}`, async () => {
  for (const engine of engines) {
    const pool = poolOf(engine);
    const { dockerHost, dockerConfig, path } = engine;
    agents.set(
      engine,
      await world.start(await world.agent(`on-${engine.name}`), {
        ...{ DOCKER_HOST: dockerHost, DOCKER_CONFIG: dockerConfig, PATH: path },
        ...(pool ? { GALLEY_PREVIEW_POOL: pool } : {}),
        // One each.
        GALLEY_MAX_PARALLEL_BUILDS: "1",
        GALLEY_ENTRYPOINTS: "web,other",
      }),
    );
  }
  const online = async () =>
    (await world.call<{ agents: { online: boolean }[] }>("GET", "/agents")).agents.filter(
      (agent) => agent.online,
    ).length;
  await expect.poll(online).toBe(engines.length);
  const deployments = [];
  for (const pr of engines.keys()) {
    world.push(pr + 1, { ...files, salt: `${Math.random()}\n` });
    deployments.push(await world.deploy(pr + 1));
  }
  const ended = [];
  for (const { id } of deployments) ended.push(await world.ended(id));
  expect(ended.map(({ state, error }) => [state, error])).toEqual(engines.map(() => ["running", null]));
  expect(new Set(ended.map(({ agent }) => agent)).size).toBe(engines.length);

  for (const [engine, agent] of agents) {
    const { id, environment, url } = ended.find((deployment) => deployment.agent === agent.id)!;
    const events = await world.events(id);
    // Where it will be is known before anything is built.
    const plan = events.findIndex(({ type }) => type === "deployment.plan");
    expect(events[plan]?.services).toContainEqual(expect.objectContaining({ name: "web", url }));
    expect(events.findIndex(({ state }) => state === "building")).toBeGreaterThan(plan);
    const hooks = events
      .filter(({ type }) => type === "hook.state")
      .map(({ service, state }) => [service, state]);
    expect(hooks).toEqual([
      ["db", "running"],
      ["db", "done"],
    ]);
    // What it has printed travels by itself, and may be late.
    const printed = await world.event(id, ({ type }) => type === "hook.log");
    expect(printed).toMatchObject({ service: "db", hook: "onDeploy", lines: [{ text: "migrated" }] });
    const [web = ""] = await containersOf(engine, environment.id, "web");
    const labels = await docker(engine, ["inspect", "--format", "{{json .Config.Labels}}", web]);
    expect(JSON.parse(labels)).toMatchObject({
      [`traefik.http.routers.${environment.id}-web-1.entrypoints`]: "web,other",
      "traefik.docker.network": `galley-pv-${environment.id}`,
    });
    const abort = new AbortController();
    const log = { info: () => {}, warn: () => {} };
    const ingress = await startIngress({
      docker: await dockerOf(engine),
      port: 0,
      usePublished: false,
      log,
      signal: abort.signal,
    });
    try {
      const { hostname } = new URL(url ?? "");
      const { body } = await askUntil(ingress.port, hostname, ({ status }) => status === 200);
      expect(body, engine.name).toBe(`rows of ${environment.name}\n`);
    } finally {
      abort.abort();
      await ingress.closed;
    }
    // Two containers, their network and the database's volume.
    expect(await leftOf(engine, agent.id), engine.name).toHaveLength(4);
    const removal = await world.call<{ id: string }>("POST", `/environments/${environment.id}/terminate`);
    expect(await world.ended(removal.id)).toMatchObject({ state: "terminated" });
    expect(await leftOf(engine, agent.id), engine.name).toEqual([]);
    const images = ["images", "--quiet", "--filter", `label=sh.galley.agent=${agent.id}`];
    expect((await docker(engine, images)).trim(), engine.name).toBe("");
  }
}, 400_000);
