// The life of a preview after its deployment, on an engine: what it prints and uses, what happens to it, how it sleeps and wakes.
import { afterAll, beforeAll, expect, test } from "vitest";
import { startIngress } from "../../src/ingress/index.js";
import { createPerson } from "../cli/remote.js";
import { askHost, dockerOf, serve } from "../preview/engine-docker.js";
import { awaitedLater } from "../support/awaited-later.js";
import { testLog } from "../support/bus.js";
import { docker, labEngines } from "../support/engines.js";
import { manifest } from "./files.js";
import { type LocalAgent, startWorld, type TestAgent, type World } from "./world.js";

const engine = labEngines().find(({ name }) => name === "28c") ?? labEngines()[0]!;
const secret = "a-secret-that-nobody-reads-1234";
const patience = { timeout: 60_000, interval: 100 };

interface Environment {
  readonly state: string;
  readonly desired: string;
  readonly lastRequestAt: string;
}
interface Line {
  readonly service: string;
  readonly stream: string;
  readonly text: string;
}

let world: World;
let identity: TestAgent;
let agent: LocalAgent;
let id: string;
let host: string;
beforeAll(async () => {
  world = await startWorld(engine);
  await world.call("PUT", `/projects/${world.project}/secrets/API_KEY`, { value: secret });
  identity = await world.agent("one");
  agent = await world.start(identity);
  const files = {
    "galley.yml": manifest({
      web: {
        image: "busybox:latest",
        kind: "web",
        command: ["sh", "-c", `echo begun with $API_KEY; ${serve("web")}`],
        secrets: ["API_KEY"],
        expose: 8080,
      },
      clock: {
        image: "busybox:latest",
        kind: "worker",
        command: [
          "sh",
          "-c",
          "trap 'exit 0' TERM; n=0; while :; do n=$((n+1)); echo $n > /tmp/m; mv /tmp/m /tmp/n; echo tick $n >&2; sleep 0.2; done",
        ],
      },
    }),
  };
  world.push(1, files);
  const deployment = await world.ended((await world.deploy(1)).id);
  expect(deployment).toMatchObject({ state: "running", error: null });
  id = deployment.environment.id;
  host = new URL(deployment.url ?? "").hostname;
});
afterAll(async () => {
  await world?.remove();
});

const environment = () => world.call<Environment>("GET", `/environments/${id}`);
const containersOf = async (service: string, more: string[] = []) => {
  const labels = [`sh.galley.environment=${id}`, `sh.galley.service=${service}`];
  const found = await docker(engine, [
    "ps",
    "-q",
    ...more,
    ...labels.flatMap((one) => ["--filter", `label=${one}`]),
  ]);
  return found.split("\n").filter((line) => line !== "");
};
const types = async () => {
  const { events } = await world.call<{ events: { type: string; service: string | null }[] }>(
    "GET",
    `/environments/${id}/runtime-events`,
  );
  return events.map(({ type, service }) => `${service ?? "-"} ${type}`);
};
/** Lines as they come, until the test has seen enough. */
async function* followed(query: string, signal: AbortSignal): AsyncGenerator<Line> {
  const made = await world.call<{ token: string }>("POST", "/tokens", {
    name: `t${Math.random()}`,
    scopes: ["read"],
  });
  const answer = await fetch(`${world.url}/api/v1/environments/${id}/runtime-logs?follow=true&${query}`, {
    headers: { accept: "text/event-stream", authorization: `Bearer ${made.token}` },
    signal,
  });
  let rest = "";
  for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + chunk).split("\n\n");
    rest = parts.pop() ?? "";
    for (const part of parts) if (part.startsWith("data: ")) yield JSON.parse(part.slice(6));
  }
}

test("what services print is read with the project's secrets masked, of one service, from the end, and as it comes", async () => {
  const read = (query: string) =>
    world.call<{ lines: Line[] }>("GET", `/environments/${id}/runtime-logs?${query}`);
  const { lines } = await read("service=web");
  expect(lines).toEqual([
    expect.objectContaining({ service: "web", stream: "stdout", text: "begun with ***" }),
  ]);
  const tail = (await read("service=clock&tail=3")).lines;
  expect(tail.map(({ service, stream, text }) => [service, stream, text])).toEqual(
    Array(3).fill(["clock", "stderr", expect.stringMatching(/^tick \d+$/)]),
  );
  const enough = new AbortController();
  let ticks = 0;
  for await (const { service } of followed("service=clock&tail=0", enough.signal)) {
    expect(service).toBe("clock");
    ticks += 1;
    if (ticks === 5) break;
  }
  enough.abort();
  expect(ticks).toBe(5);
});

test("a command that follows what services print goes on when the agent was restarted, and when the server was, with each line once", async () => {
  const person = createPerson({ GALLEY_URL: world.url, GALLEY_TOKEN: world.token });
  const following = person.start([
    "env",
    "logs",
    `${world.project}/pr-1`,
    "--runtime",
    "-f",
    "--service",
    "clock",
    "--tail",
    "1",
  ]);
  const done = awaitedLater(following.done);
  const seen = async () => {
    const [clock = ""] = await containersOf("clock");
    const newest = (await docker(engine, ["exec", clock, "cat", "/tmp/n"])).trim();
    await following.saw(new RegExp(`tick ${Number(newest) + 2}\n`));
  };
  try {
    await seen();
    await agent.stop();
    await following.saw("Trying to go on");
    agent = await world.start(identity);
    await following.saw("goes on");
    await seen();
    await world.stopServer();
    await following.saw(/(Trying to go on[\s\S]*){2}/);
    await world.startServer();
    await following.saw(/(goes on with[\s\S]*){2}/);
    await seen();
  } finally {
    following.signal("SIGINT");
    person.remove();
  }
  const { stdout, stderr } = await done;
  const numbers = stdout
    .trim()
    .split("\n")
    .map((line) => Number(line.replace("tick ", "")));
  expect(numbers.length, stderr).toBeGreaterThan(5);
  expect(numbers, stderr).toEqual(numbers.map((_, index) => numbers[0]! + index));
});

test("what services use is measured", async () => {
  const { services } = await world.call<{ services: object[] }>("GET", `/environments/${id}/stats`);
  expect(services).toMatchObject([
    { service: "clock", state: "running", memory: expect.any(Number), restarts: 0 },
    {
      service: "web",
      state: "running",
      memory: expect.any(Number),
      processes: expect.any(Number),
      restarts: 0,
    },
  ]);
});

test("a process that ends by itself and is started again is told", async () => {
  const before = (await types()).length;
  const since = async () => {
    const all = await types();
    return all.slice(0, all.length - before);
  };
  const [web] = await containersOf("web");
  // Its first process is the container's, and may take with it who has told it to end.
  await docker(engine, ["exec", web ?? "", "sh", "-c", "kill 1"]).catch(() => {});
  await expect.poll(since, patience).toEqual(["web restarted", "web ended"]);
});

test("it hibernates with its containers stopped, and the first request wakes it behind a page that waits", async () => {
  const log = testLog();
  const over = new AbortController();
  const { hostname, port } = new URL(world.url);
  const ingress = await startIngress({
    docker: await dockerOf(engine),
    port: 0,
    log,
    waking: { upstream: { host: hostname, port: Number(port) }, domain: "localhost" },
    signal: over.signal,
  });
  try {
    const ask = () => askHost(ingress.port, host, "/who");
    await expect.poll(ask, patience).toEqual({ status: 200, body: "web\n" });
    expect(await world.call("POST", `/environments/${id}/hibernate`)).toMatchObject({ desired: "asleep" });
    await expect.poll(async () => (await environment()).state, patience).toBe("hibernating");
    expect([...(await containersOf("web")), ...(await containersOf("clock"))]).toEqual([]);
    expect(await containersOf("web", ["-a"])).toHaveLength(1);
    const before = await environment();

    // What is no page of a browser is held until the preview is up, and sent to itself.
    const held = await ask();
    expect(held.status).toBe(307);
    expect(await environment()).toMatchObject({ state: "running", desired: "up" });
    await expect.poll(ask, patience).toEqual({ status: 200, body: "web\n" });
    expect((await types()).slice(0, 2)).toEqual(["- woken", "- hibernated"]);
    const woken = await environment();
    expect(Date.parse(woken.lastRequestAt)).toBeGreaterThan(Date.parse(before.lastRequestAt));

    // What its agent saw of the network since then counts as a request: told with the question that brings the order to sleep.
    for (let n = 0; n < 5; n++) await ask();
    await world.call("POST", `/environments/${id}/hibernate`);
    await expect.poll(async () => (await environment()).state, patience).toBe("hibernating");
    expect(Date.parse((await environment()).lastRequestAt)).toBeGreaterThan(Date.parse(woken.lastRequestAt));

    // A deployment of one that sleeps ends with one that runs.
    const again = await world.ended((await world.deploy(1)).id);
    expect(again).toMatchObject({ state: "running", error: null });
    expect(await environment()).toMatchObject({ state: "running", desired: "up" });
    await expect.poll(ask, patience).toEqual({ status: 200, body: "web\n" });
  } finally {
    over.abort();
    await ingress.closed;
  }
  await agent.stop();
});
