import { rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { onEachDatabase } from "../support/databases.js";
import { stateEvent } from "./agent.js";
import { type Deployment, type quick, sharedWorlds, type World } from "./world.js";

let pr = 500;

onEachDatabase((databases) => {
  let world: World;
  const worldWith = sharedWorlds(databases);
  // Tests that want the same stand together: they share a world.
  const start = async (more: typeof quick = {}) => {
    world = await worldWith(more);
    return world;
  };
  /** Times in which agents are lost and deployments forgotten. */
  const hasty = { heartbeatMs: 700, lostMs: 2500, goneMs: 3000, forgottenMs: 2000 };
  const deploy = () => world.deploy({ pr: ++pr });
  const state = (id: string, wanted: string) =>
    world.deployment(id, (deployment) => deployment.state === wanted);
  const online = (id: string, wanted: boolean) =>
    world.until<{ online: boolean }>(`/agents/${id}`, (agent) => agent.online === wanted);

  test("an agent is online with its first heartbeat, offline after three missing ones, and online again", async () => {
    await start(hasty);
    const agent = await world.agent("one");
    agent.hush();
    await online(agent.id, false);
    agent.beat();
    await online(agent.id, true);
  });

  test("an agent that is lost fails its deployment with agent_lost_contact, and the next one goes elsewhere", async () => {
    await start(hasty);
    const agent = await world.agent("one");
    const { id } = await deploy();
    const work = await agent.take();
    await work.tell(stateEvent("building"));
    agent.hush();
    const failed = await state(id, "failed");
    expect(failed.error).toMatchObject({ code: "agent_lost_contact", hint: expect.any(String) });
    const other = await world.agent("two");
    const next = await world.deploy({ pr });
    const moved = await other.take();
    expect(moved.deployment).toBe(next.id);
    await moved.finish("running");
    await state(next.id, "running");
    // The lost one comes back: what it tells is too late, and what it has is to be stopped and removed.
    agent.beat({ running: [{ deployment: id, attempt: 1 }] });
    await work.finish("running", { url: "http://late" });
    const { environment } = next;
    expect(await agent.sync([{ deployment: id, attempt: 1 }], [environment.id])).toEqual({
      v: 1,
      stop: [{ deployment: id, reason: "superseded" }],
      remove: [environment.id],
      hibernate: [],
      wake: [],
      undo: [],
    });
    expect((await world.call("GET", `/environments/${environment.id}`)).body).toMatchObject({
      agent: other.id,
      deployment: next.id,
    });
    await world.until<{ events: { event: { type: string } }[] }>(`/deployments/${id}/events`, ({ events }) =>
      events.some(({ event }) => event.type === "deployment.finished"),
    );
    expect(await world.deployment(id, () => true)).toMatchObject({ state: "failed" });
  });

  // Silence and the bus are the same whatever the database is.
  if (databases.kind === "postgres") {
    test("an agent that was given up and comes back with the work done is believed", async () => {
      await start(hasty);
      const agent = await world.agent("one");
      const { id } = await deploy();
      const work = await agent.take();
      await work.tell(stateEvent("building"));
      await state(id, "building");
      agent.hush();
      await state(id, "failed");
      agent.beat({ running: [{ deployment: id, attempt: 1 }] });
      expect(await agent.sync([{ deployment: id, attempt: 1 }], [])).toMatchObject({ stop: [] });
      await work.tell(stateEvent("starting"));
      await state(id, "starting");
      await work.finish("running", { url: "http://after-all" });
      expect(await state(id, "running")).toMatchObject({ url: "http://after-all", error: null });
    });

    test("a server that was away disturbs no build, and gives up nobody for its own absence", async () => {
      await start(hasty);
      const agent = await world.agent("one");
      const { id } = await deploy();
      const work = await agent.take();
      agent.beat({ running: [{ deployment: id, attempt: 1 }] });
      await work.tell(stateEvent("building"));
      await state(id, "building");
      await world.stopServer();
      await work.tell(stateEvent("starting"));
      await new Promise((resolve) => setTimeout(resolve, 1.2 * hasty.lostMs));
      await world.startServer();
      await state(id, "starting");
      await work.finish("running");
      expect(await state(id, "running")).toMatchObject({ attempt: 1 });
    });

    test("a cancel of a deployment whose agent is lost, or has forgotten it, is done all the same", async () => {
      await start(hasty);
      const agent = await world.agent("one");
      const forgotten = await deploy();
      await (await agent.take()).settle();
      await world.call("POST", `/deployments/${forgotten.id}/cancel`);
      await state(forgotten.id, "cancelled");
      const lost = await deploy();
      await (await agent.take()).settle();
      await world.call("POST", `/deployments/${lost.id}/cancel`);
      agent.hush();
      await state(lost.id, "cancelled");
    });

    test("a job given to an agent that fell silent before it took it goes to another", async () => {
      await start(hasty);
      const agent = await world.agent("one", { slots: 9 });
      const { id } = await deploy();
      await world.deployment(id, (deployment) => deployment.agent === agent.id);
      agent.hush();
      const other = await world.agent("two");
      const work = await other.take();
      expect(work.deployment).toBe(id);
      expect(await agent.claim(id)).toMatchObject({ granted: false, reason: "not_yours" });
      await work.finish("running");
      await state(id, "running");
    });

    test("metrics tell states, agents and latencies, to those who have their token", async () => {
      // The first of those that want these times: it counts what a new server has seen.
      await start();
      const agent = await world.agent("one");
      const { id } = await deploy();
      const work = await agent.take();
      await work.finish("running");
      await state(id, "running");
      const ask = (headers: Record<string, string>) => fetch(`${world.url}/metrics`, { headers });
      expect((await ask({})).status).toBe(401);
      expect((await ask({ authorization: "Bearer wrong" })).status).toBe(401);
      const { metricsToken } = await import("./world.js");
      const text = await (await ask({ authorization: `Bearer ${metricsToken}` })).text();
      for (const line of [
        'galley_deployments{state="running"} 1',
        "galley_queue_length 0",
        "galley_agents_online 1",
        "galley_claim_latency_seconds_count 1",
        "galley_ingest_events_total 1",
      ])
        expect(text).toContain(`${line}\n`);
      expect(text).toMatch(
        /galley_http_request_duration_seconds_count\{method="POST",route="\/api\/v1\/projects\/:name\/deployments",status="201"\} 1/,
      );
    });

    test("what was asked for while the bus was away is published when it is back", async () => {
      await start();
      const agent = await world.agent("one");
      await world.bus.server.stop();
      const { id } = await deploy();
      expect(await world.deployment(id, () => true)).toMatchObject({ state: "queued" });
      expect((await fetch(`${world.url}/readyz`)).status).toBe(503);
      await world.bus.server.start();
      // Once the server has answered it goes on to do so, also while it takes up its streams again.
      const answered = () =>
        agent.claim("depunknown").then(
          () => true,
          () => false,
        );
      await expect.poll(answered, { interval: 1 }).toBe(true);
      for (let n = 0; n < 600; n += 1) expect(await answered()).toBe(true);
      expect((await fetch(`${world.url}/readyz`)).status).toBe(200);
      const work = await agent.take();
      expect(work.deployment).toBe(id);
      await work.finish("running");
      await state(id, "running");
    });

    test("a job that the stream has lost is published again", async () => {
      await start();
      const agent = await world.agent("one");
      const { id } = await deploy();
      await world.deployment(id, (deployment) => deployment.agent === agent.id);
      const server = await world.bus.connectServer();
      await (await server.nats.jetstreamManager()).streams.purge("JOBS");
      const work = await agent.take();
      expect(work.deployment).toBe(id);
      await work.finish("running");
      await state(id, "running");
    });

    test("a bus that comes back without its files gets its streams, consumers, jobs and revocations again", async () => {
      await start();
      const agent = await world.agent("one");
      const { id } = await deploy();
      await world.deployment(id, (deployment) => deployment.agent === agent.id);
      const revoked = await world.agent("revoked");
      const refused = new Promise<void>((resolve) => revoked.connection.on("refused", resolve));
      await world.call("DELETE", `/agents/${revoked.id}`);
      await refused;
      await world.bus.server.kill();
      for (const folder of ["jetstream", "accounts"])
        await rm(join(world.bus.server.directory, folder), { recursive: true });
      await world.bus.server.start();
      const work = await agent.take();
      await work.tell(stateEvent("building"));
      await state(id, "building");
      expect(revoked.connection.connected).toBe(false);
      await work.finish("running");
      await state(id, "running");
    });

    test("a consumer that is gone is made anew", async () => {
      await start();
      const agent = await world.agent("one");
      const server = await world.bus.connectServer();
      const manager = await server.nats.jetstreamManager();
      await manager.consumers.delete("JOBS", `agent-${agent.id}`);
      const { id } = await deploy();
      const work = await agent.take();
      expect(work.deployment).toBe(id);
      await work.finish("running");
      await state(id, "running");
    });
  }

  test("revoking an agent ends what it runs at once, and what waits for it goes to another", async () => {
    await start();
    const agent = await world.agent("one");
    const running = await deploy();
    await agent.take();
    const waiting = await deploy();
    await world.deployment(waiting.id, (deployment) => deployment.agent === agent.id);
    const other = await world.agent("two");
    expect((await world.call("DELETE", `/agents/${agent.id}`)).status).toBe(204);
    expect(await state(running.id, "failed")).toMatchObject({ error: { code: "agent_revoked" } });
    const work = await other.take();
    expect(work.deployment).toBe(waiting.id);
    await work.finish("running");
    // What it had left cannot be taken down by anybody: that is written down, and nothing waits for it.
    const down = await world.call<Deployment>("POST", `/environments/${running.environment.id}/terminate`);
    await state(down.body.id, "terminated");
  });

  test("a preview that is gone from its agent is deployed again, once", async () => {
    await start();
    const agent = await world.agent("one");
    const { id, environment } = await deploy();
    await (await agent.take()).finish("running", { url: "http://there" });
    await state(id, "running");
    const lose = async () => {
      expect(await agent.sync([], [])).toMatchObject({ v: 1, stop: [], remove: [] });
      await world.advance(agent, 31_000);
      await agent.sync([], []);
    };
    await lose();
    expect(await state(id, "failed")).toMatchObject({ error: { code: "container_failed" } });
    const repair = await agent.take();
    expect(repair.granted.job.environment.id).toBe(environment.id);
    await repair.finish("running");
    await state(repair.deployment, "running");
    await lose();
    await state(repair.deployment, "failed");
    expect((await world.call("GET", `/environments/${environment.id}`)).body).toMatchObject({
      state: "failed",
      agent: null,
      url: null,
    });
  });

  test("what an agent has and should not have is named to it", async () => {
    await start();
    const agent = await world.agent("one");
    const { id, environment } = await deploy();
    const work = await agent.take();
    expect(
      await agent.sync(
        [
          { deployment: id, attempt: 1 },
          { deployment: id, attempt: 7 },
          { deployment: "depunknown", attempt: 1 },
        ],
        [environment.id, "envunknown"],
      ),
    ).toEqual({
      v: 1,
      stop: [
        { deployment: id, reason: "fenced" },
        { deployment: "depunknown", reason: "fenced" },
      ],
      remove: ["envunknown"],
      hibernate: [],
      wake: [],
      undo: [],
    });
    await work.finish("running");
    await state(id, "running");
    await world.call("POST", `/environments/${environment.id}/terminate`);
    // While it is being taken down, it is the job's.
    expect(await agent.sync([], [environment.id])).toMatchObject({ remove: [] });
    await (await agent.take()).finish("terminated");
    await world.until<{ state: string }>(
      `/environments/${environment.id}`,
      ({ state }) => state === "terminated",
    );
    expect(await agent.sync([], [environment.id])).toMatchObject({ remove: [environment.id] });
  });

  test("what ended without ever serving is named to the agent that has something of it, and nothing that served", async () => {
    await start();
    const agent = await world.agent("one");
    const first = await deploy();
    await (await agent.take()).finish("running");
    await state(first.id, "running");
    const { id: environment } = first.environment;
    const begun = await world.deploy({ pr });
    const work = await agent.take();
    const told = [first.id, begun.id, "depunknown"];
    const sync = async (who = agent) =>
      (await who.sync([], [environment], { deployments: told })).undo.map(({ deployment }) => deployment);
    expect(await sync(), "while it is under way").toEqual([]);
    await work.finish("failed");
    await state(begun.id, "failed");
    expect(await agent.sync([], [environment], { deployments: told })).toMatchObject({
      remove: [],
      undo: [{ environment, deployment: begun.id }],
    });
    expect(await sync(await world.agent("two")), "the other has nothing to do with it").toEqual([]);
    const next = await world.deploy({ pr });
    const last = await agent.take();
    expect(await sync(), "the next deployment sees to it").toEqual([]);
    await last.finish("running");
    await state(next.id, "running");
    expect((await world.deployment(first.id, () => true)).state).toBe("superseded");
    expect(await sync()).toEqual([begun.id]);
  });

  test("a deployment that its agent has forgotten is begun anew, and fails after three attempts", async () => {
    await start({ forgottenMs: 1000, unclaimedMs: 1000 });
    const agent = await world.agent("one");
    const { id } = await deploy();
    for (const attempt of [1, 2, 3]) {
      const work = await agent.take();
      expect(work.granted.attempt).toBe(attempt);
      // The message is gone, and so is all memory of it: only the heartbeats tell.
      await work.settle();
    }
    expect(await state(id, "failed")).toMatchObject({ attempt: 3, error: { code: "too_many_attempts" } });
  });

  test("a deployment whose agent holds it is left alone, however long it is silent", async () => {
    await start({ forgottenMs: 1000, unclaimedMs: 1000 });
    const agent = await world.agent("one");
    const { id } = await deploy();
    const work = await agent.take();
    await work.settle();
    agent.beat({ running: [{ deployment: id, attempt: 1 }] });
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect(await world.deployment(id, () => true)).toMatchObject({ state: "claimed", attempt: 1 });
    await work.finish("running");
    await state(id, "running");
  });

  test("a job that nobody takes expires, whether an agent was chosen or none is there", async () => {
    await start({ jobExpiryMs: 2500 });
    const nobody = await deploy();
    expect(await state(nobody.id, "failed")).toMatchObject({
      error: { code: "job_expired", hint: expect.any(String) },
    });
    const agent = await world.agent("one");
    const unclaimed = await deploy();
    await world.deployment(unclaimed.id, (deployment) => deployment.agent === agent.id);
    expect(await state(unclaimed.id, "failed")).toMatchObject({ error: { code: "job_expired" } });
    expect(await agent.claim(unclaimed.id)).toMatchObject({ granted: false, reason: "finished" });
  });

  if (databases.kind === "postgres")
    test("two servers reconcile and dispatch side by side, and each job is done once", async () => {
      // However slow the machine is: nothing is begun anew because it was not done in time.
      await start({ reconcileMs: 50, forgottenMs: 60_000, unclaimedMs: 60_000 });
      await world.startSecond();
      const agent = await world.agent("one", { slots: 3 });
      const asked = [];
      for (let n = 0; n < 12; n++) asked.push(await deploy());
      const done: string[] = [];
      for (let n = 0; n < 12; n++) {
        const work = await agent.take();
        expect(work.granted.attempt).toBe(1);
        done.push(work.deployment);
        await work.finish("running");
      }
      expect(done.sort()).toEqual(asked.map(({ id }) => id).sort());
      for (const { id } of asked) await state(id, "running");
    });
});
