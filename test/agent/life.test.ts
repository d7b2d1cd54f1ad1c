import { readdirSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { inspectJobQueue, jobConsumer, streams } from "../../src/bus/index.js";
import { docker, labEngines } from "../support/engines.js";
import { standing } from "../support/standing.js";
import { idle, manifest, slow } from "./files.js";
import { type AgentProcess, bundleAgent, leftOf, type StoredEvent, startWorld, type World } from "./world.js";

const engine = labEngines().find(({ name }) => name === "28c") ?? labEngines()[0]!;

const begun = ({ type, lines }: StoredEvent) =>
  type === "step.log" && JSON.stringify(lines).includes("begun");
/** Ids of processes of this machine with a text in their command line: steps of the lab's engines are among them. */
const processesWith = (text: string) =>
  readdirSync("/proc").filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, "utf8").includes(text);
    } catch {
      return false; // it has ended
    }
  });
const gapless = (events: readonly StoredEvent[]) => {
  const numbers = events.map(({ seq }) => seq).sort((a, b) => a - b);
  expect(numbers).toEqual(numbers.map((_, index) => index + 1));
};

describe(`the life of an agent on engine ${engine.name}`, () => {
  let world: World;
  let removeBundle = () => {};
  beforeAll(async () => {
    removeBundle = await bundleAgent();
  });
  afterAll(() => removeBundle());
  const worldStands = standing(
    () => startWorld(engine),
    (one) => one.remove(),
  );
  beforeEach(async () => {
    world = await worldStands();
  });
  let prs = 0;
  const pushed = (files: Record<string, string>) => {
    prs += 1;
    world.push(prs, files);
    return prs;
  };
  const cancel = (id: string) => world.call("POST", `/deployments/${id}/cancel`);
  /** Hands back the job that an agent had which is gone, as the bus does when half a minute is over in which nobody has worked on it. */
  const endLease = async (agent: AgentProcess) => {
    const id = /"agent":"([a-z0-9]+)"/.exec(agent.output())?.[1] ?? "";
    const server = await world.bus.connectServer();
    const [job] = (await inspectJobQueue(server, id))?.jobs ?? [];
    const { delivered } = await (await server.nats.jetstreamManager()).consumers.info(
      streams.jobs,
      jobConsumer(id),
    );
    const answer = `$JS.ACK.${streams.jobs}.${jobConsumer(id)}.1.${job?.sequence}.${delivered.consumer_seq}.0.0`;
    server.nats.publish(answer, "-NAK");
    await server.nats.flush();
    await server.close();
  };

  test("a cancel reaches a build, a fetch and a start, and ends with nothing under way", async () => {
    const agent = await world.start(await world.agent("cancels"));
    const silent: Server = createServer(() => {});
    await new Promise<void>((listening) => silent.listen(0, "127.0.0.1", listening));
    try {
      const marker = `marker-${Math.random()}`;
      const building = await world.deploy(pushed(slow(300, marker)));
      await world.event(building.id, begun);
      if (!engine.found) expect(processesWith(marker)).not.toEqual([]);
      await cancel(building.id);
      expect(await world.ended(building.id)).toMatchObject({ state: "cancelled" });
      const outcomes = (await world.events(building.id)).filter(({ type }) => type === "build.finished");
      expect(outcomes.map(({ outcome }) => outcome)).toEqual(["cancelled"]);
      await expect.poll(() => processesWith(marker), { timeout: 60_000 }).toEqual([]);

      const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}/app.git`;
      await world.call("POST", "/projects", { name: "silent", url });
      const fetching = await world.call<{ id: string }>("POST", "/projects/silent/deployments", { pr: 1 });
      await world.event(fetching.id, ({ state }) => state === "preparing");
      await cancel(fetching.id);
      expect(await world.ended(fetching.id)).toMatchObject({ state: "cancelled", commit: null });
      expect(processesWith(url)).toEqual([]);

      const starting = await world.deploy(
        pushed({
          "galley.yml": manifest({
            web: {
              image: "busybox:latest",
              command: idle,
              expose: 8080,
              health: { path: "/", timeout: 600 },
            },
          }),
        }),
      );
      await world.event(starting.id, ({ type, state }) => type === "service.state" && state === "starting");
      await cancel(starting.id);
      expect(await world.ended(starting.id)).toMatchObject({ state: "cancelled" });
    } finally {
      silent.closeAllConnections();
      silent.close();
      await agent.stop();
    }
  });

  test.each([
    ["two services are built at once where no more are allowed", { GALLEY_MAX_PARALLEL_BUILDS: "2" }, 2, 0.5],
    // So long that all four have begun before one is over, also on a slow machine.
    ["four services are built at once where nothing is said", {}, 4, 4],
  ] as const)("%s, whatever deployment they are of", async (_, settings, allowed, seconds) => {
    const agent = await world.start(await world.agent("narrow"), settings);
    const services = (pr: number) => ["a", "b", "c"].map((name) => `${name}${pr}`);
    const files = (pr: number) => ({
      "galley.yml": manifest(
        Object.fromEntries(
          services(pr).map((name) => [name, { build: { dockerfile: `${name}.Dockerfile` }, command: idle }]),
        ),
      ),
      ...Object.fromEntries(
        services(pr).map((name) => [
          `${name}.Dockerfile`,
          `FROM busybox\nRUN : ${Math.random()} ${name}; echo from $(cut -d" " -f1 /proc/uptime); sleep ${seconds}; echo to $(cut -d" " -f1 /proc/uptime)\n`,
        ]),
      ),
    });
    const asked = await Promise.all([0, 1].map((pr) => world.deploy(pushed(files(pr)))));
    const times: [number, number][] = [];
    for (const { id } of asked) {
      expect(await world.ended(id)).toMatchObject({ state: "running" });
      const text = new Map<string, string>();
      for (const { type, service = "", lines } of await world.events(id))
        if (type === "step.log")
          text.set(
            service,
            `${text.get(service) ?? ""} ${(lines as { text: string }[]).map((line) => line.text).join(" ")}`,
          );
      for (const said of text.values()) {
        const [, from, to] = /from (\S+).* to (\S+)/s.exec(said) ?? [];
        times.push([Number(from), Number(to)]);
      }
    }
    expect(times).toHaveLength(6);
    const atOnce = times.map(([at]) => times.filter(([from, to]) => from <= at && at < to).length);
    expect(Math.max(...atOnce)).toBe(allowed);
    await agent.stop();
  });

  test("a newer commit ends the deployment before it, and wins", async () => {
    const agent = await world.start(await world.agent("newer"));
    const pr = pushed(slow(300));
    const first = await world.deploy(pr);
    await world.event(first.id, begun);
    const commit = world.push(pr, {
      "galley.yml": manifest({ web: { image: "busybox:latest", command: idle } }),
    });
    const second = await world.deploy(pr);
    expect(await world.ended(first.id)).toMatchObject({ state: "superseded" });
    expect(await world.ended(second.id)).toMatchObject({ state: "running", commit });
    await agent.stop();
  });

  test("while the bus is away a build goes on although it is cancelled, and later all of its events are there in order, each once; one that has not ended by then is ended", async () => {
    const agent = await world.start(await world.agent("offline"));
    const endless = await world.deploy(pushed(slow(600)));
    await world.event(endless.id, begun);
    const { id } = await world.deploy(pushed(slow(8)));
    await world.event(id, begun);
    await world.bus.server.kill();
    // Nobody can be told: what the server has taken down is heard when the bus is back.
    for (const one of [id, endless.id])
      expect(await world.call("POST", `/deployments/${one}/cancel`)).toMatchObject({
        cancelling: "cancelled",
      });
    const built = (line: string) => line.includes("finished {") && line.includes(id);
    await expect.poll(() => agent.log.some(built), { timeout: 100_000, interval: 200 }).toBe(true);
    expect(await (await fetch(`http://127.0.0.1:${agent.healthPort}/healthz`)).json()).toMatchObject({
      status: "degraded",
      checks: { bus: "not connected" },
    });
    await world.bus.server.start();
    // It got through, which goes before the wish.
    await world.until(id, ({ state, attempt }) => state === "running" && attempt === 1);
    expect(await world.ended(endless.id)).toMatchObject({ state: "cancelled", attempt: 1 });
    const events = await world.events(id);
    gapless(events);
    const logged = events
      .filter(({ type }) => type === "step.log")
      .flatMap(({ lines }) => lines as { text: string }[]);
    expect(logged.map(({ text }) => text)).toEqual([
      "begun",
      ...Array.from({ length: 8 }, (_, i) => `line ${i + 1}`),
      "over",
    ]);
    await agent.stop();
  });

  test("SIGTERM lets what runs finish, takes nothing more, and ends with 0", async () => {
    const agent = world.spawn(await world.agent("drains"));
    await agent.said("the agent is ready");
    const { id } = await world.deploy(pushed(slow(5)));
    await world.event(id, begun);
    agent.child.kill("SIGTERM");
    await agent.said("draining");
    const late = await world.deploy(pushed(slow(1)));
    expect(await agent.exited).toBe(0);
    expect(await world.ended(id)).toMatchObject({ state: "running", attempt: 1 });
    expect(await world.until(late.id, () => true)).toMatchObject({ state: "queued" });
    await cancel(late.id);
  });

  test("what is not finished within the grace period is handed back, and goes on with the next start", async () => {
    const identity = await world.agent("returns");
    const agent = world.spawn(identity, { GALLEY_DRAIN_SECONDS: "0" });
    await agent.said("the agent is ready");
    const { id } = await world.deploy(pushed(slow(6)));
    await world.event(id, begun);
    agent.child.kill("SIGTERM");
    expect(await agent.exited).toBe(0);
    expect(agent.output()).toContain("handed back");
    const again = await world.start(identity);
    expect(await world.ended(id)).toMatchObject({ state: "running", attempt: 2 });
    gapless((await world.events(id)).filter(({ attempt }) => attempt === 2));
    await again.stop();
  });

  test("killed in the middle of a build, or told twice to end, an agent leaves nothing that its next start does not see to", async () => {
    const identity = await world.agent("killed");
    const first = world.spawn(identity);
    await first.said("the agent is ready");
    const { id } = await world.deploy(pushed(slow(8)));
    await world.event(id, begun);
    first.child.kill("SIGKILL");
    await first.exited;
    await endLease(first);

    const second = world.spawn(identity);
    await world.event(id, (event) => event.attempt === 2 && begun(event));
    second.child.kill("SIGTERM");
    await second.said("draining");
    second.child.kill("SIGTERM");
    expect(await second.exited).toBe(1);
    await endLease(second);

    const third = await world.start(identity);
    expect(await world.ended(id)).toMatchObject({ state: "running", attempt: 3 });
    // One container, its network, and nothing else.
    expect(await leftOf(engine, third.id)).toHaveLength(2);
    const environment = (await world.until(id, () => true)).environment.id;
    const removal = await world.call<{ id: string }>("POST", `/environments/${environment}/terminate`);
    await world.ended(removal.id);
    expect(await leftOf(engine, third.id)).toEqual([]);
    await third.stop();
  });

  test("an environment that should be gone is removed when the agent comes back", async () => {
    const identity = await world.agent("stale");
    const agent = await world.start(identity);
    const { id } = await world.deploy(
      pushed({ "galley.yml": manifest({ web: { image: "busybox:latest", command: idle } }) }),
    );
    await world.ended(id);
    await agent.stop();
    const labels = ["project", "environment"].flatMap((key) => ["--label", `sh.galley.${key}=nobodyknows`]);
    const stray = [
      "run",
      "-d",
      "--label",
      `sh.galley.agent=${agent.id}`,
      ...labels,
      "busybox:latest",
      "sleep",
      "3600",
    ];
    await docker(engine, stray);
    const again = await world.start(identity);
    const strays = async () =>
      (
        await docker(engine, [
          "ps",
          "-aq",
          "--filter",
          "label=sh.galley.environment=nobodyknows",
          "--filter",
          `label=sh.galley.agent=${agent.id}`,
        ])
      ).trim();
    await expect.poll(strays, { timeout: 60_000, interval: 200 }).toBe("");
    // What should be there is left alone.
    expect(await leftOf(engine, agent.id)).toHaveLength(2);
    await again.stop();
  });

  test("an agent that cannot start says why and ends with another code than 0", async () => {
    const identity = await world.agent("refused");
    const ends = async (env: Record<string, string>) => {
      const agent = world.spawn(identity, env);
      return { code: await agent.exited, said: agent.output() };
    };
    const unknown = `galley_agt_${"z".repeat(32)}`;
    const token = await ends({ GALLEY_AGENT_TOKEN: unknown });
    expect(token).toMatchObject({ code: 1, said: expect.stringContaining("galley agent new") });
    expect(token.said).not.toContain(unknown);
    const socket = await ends({ DOCKER_HOST: "unix:///nowhere/docker.sock" });
    expect(socket).toMatchObject({
      code: 1,
      said: expect.stringContaining("the Docker Engine cannot be reached"),
    });
    const settings = await ends({ GALLEY_NATS_URL: "", GALLEY_MAX_PARALLEL_BUILDS: "none" });
    expect(settings.code).toBe(2);
    expect(settings.said).toMatch(/GALLEY_NATS_URL is not set.*\n.*GALLEY_MAX_PARALLEL_BUILDS is "none"/);
  });

  test("an agent that is revoked is cut off at once and ends with the reason", async () => {
    const identity = await world.agent("revoked");
    const agent = world.spawn(identity);
    await agent.said("the agent is ready");
    const { agents } = await world.call<{ agents: { id: string; name: string }[] }>("GET", "/agents");
    await world.call("DELETE", `/agents/${agents.find(({ name }) => name === identity.name)?.id}`);
    expect(await agent.exited).toBe(1);
    expect(agent.output()).toContain("agent_revoked");
  });
});
