import { beforeEach, describe, expect, test } from "vitest";
import { streams, subjects } from "../../src/bus/index.js";
import { onEachDatabase } from "../support/databases.js";
import { logEvent, publish, stateEvent, type TestAgent, type Work } from "./agent.js";
import { metricsToken, projectSecret, quick, standingWorld, type World } from "./world.js";

interface Page {
  readonly events: { cursor: number; event: Record<string, unknown> & { seq: number; type: string } }[];
  readonly next: number;
  readonly final: boolean;
}
let pr = 200;

onEachDatabase((databases) => {
  let world: World;
  let agent: TestAgent;
  const standing = standingWorld(databases, { ...quick, forgottenMs: 60_000, unclaimedMs: 60_000 });
  beforeEach(async () => {
    ({ world, agent } = await standing());
  });

  const begin = async (): Promise<Work> => {
    await world.deploy({ pr: ++pr });
    const work = await agent.take();
    await work.settle();
    return work;
  };
  const page = async (id: string, after = 0) =>
    (await world.call<Page>("GET", `/deployments/${id}/events?after=${after}&limit=500`)).body;
  const seqs = async (id: string) => (await page(id)).events.map(({ event }) => event.seq);
  const stored = (id: string, count: number) =>
    world.until<Page>(`/deployments/${id}/events?limit=500`, ({ events }) => events.length >= count);
  /** What was sent before it is in when it is in. */
  const marked = async (work: Work) => {
    const already = (await seqs(work.deployment)).length;
    await work.tell({ type: "deployment.note", text: "mark" });
    await world.until<Page>(`/deployments/${work.deployment}/events?limit=500`, ({ events }) =>
      events.slice(already).some(({ event }) => event.text === "mark"),
    );
  };
  const metrics = async (name: string) => {
    const answer = await fetch(`${world.url}/metrics`, {
      headers: { authorization: `Bearer ${metricsToken}` },
    });
    const text = await answer.text();
    return new Map(
      text
        .split("\n")
        .filter((line) => line.startsWith(name))
        .map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))]),
    );
  };

  test("a deployment is followed from its claim to its end, and its environment with it", async () => {
    const work = await begin();
    const id = work.deployment;
    const commit = "a".repeat(40);
    await work.tell(
      stateEvent("preparing"),
      {
        ...{
          type: "deployment.source",
          commit,
          ref: "refs/pull/1/head",
          subject: "Make it so",
          author: "Ada",
        },
        fork: true,
      },
      stateEvent("building"),
      {
        type: "deployment.plan",
        services: [{ name: "web", kind: "web", action: "build", image: null, url: "http://x" }],
      },
    );
    const building = await world.deployment(id, ({ state }) => state === "building");
    expect(building).toMatchObject({ commit, subject: "Make it so", asFork: true, plan: [{ name: "web" }] });
    const environment = `/environments/${building.environment.id}`;
    expect((await world.call("GET", environment)).body).toMatchObject({ state: "building", agent: agent.id });
    await work.finish("running", { commit, url: "http://pr-1-shop.localhost", duration: 1234 });
    expect(await world.deployment(id, ({ final }) => final)).toMatchObject({
      state: "running",
      url: "http://pr-1-shop.localhost",
      duration: 1234,
      error: null,
    });
    expect((await world.call("GET", environment)).body).toMatchObject({
      state: "running",
      deployment: id,
      url: "http://pr-1-shop.localhost",
    });
  });

  test("a failure has its code, its hint and its excerpt, and leaves what served serving", async () => {
    const first = await begin();
    await first.finish("running", { url: "http://first" });
    await world.deployment(first.deployment, ({ state }) => state === "running");
    await world.deploy({ pr });
    const second = await agent.take();
    const error = {
      ...{
        code: "step_failed",
        message: "npm ci exited with 1",
        hint: "Look.",
        step: "sha256:a",
        command: "npm ci",
      },
      ...{ exitCode: 1, dockerfile: null, logTail: ["boom"] },
    };
    await second.finish("failed", { error });
    const failed = await world.deployment(second.deployment, ({ final }) => final);
    expect(failed).toMatchObject({ state: "failed", error });
    expect((await world.call("GET", `/environments/${failed.environment.id}`)).body).toMatchObject({
      state: "running",
      deployment: first.deployment,
      url: "http://first",
    });
  });

  test("what is running gives way when its successor runs", async () => {
    const first = await begin();
    await first.finish("running");
    await world.deploy({ pr });
    const second = await agent.take();
    await second.finish("running", { url: "http://second" });
    await world.deployment(second.deployment, ({ state }) => state === "running");
    await world.deployment(first.deployment, ({ state }) => state === "superseded");
  });

  test("repeated messages change nothing, whether the bus knows them or not", async () => {
    const work = await begin();
    const events = work.events(stateEvent("preparing"), stateEvent("building"));
    const subject = subjects.events(agent.id, work.deployment);
    for (let n = 0; n < 3; n++) await publish(agent.connection, subject, events);
    await publish(agent.connection, subject, events.slice(0, 1));
    await work.tell(stateEvent("starting"));
    await marked(work);
    expect(await seqs(work.deployment)).toEqual([1, 2, 3, 4]);
    await world.deployment(work.deployment, ({ state }) => state === "starting");
  });

  test("a late state does not turn a deployment back, and nothing moves one that has ended", async () => {
    const work = await begin();
    await work.tell(stateEvent("starting"));
    await work.tell(stateEvent("preparing"));
    await work.finish("running", { url: "http://kept" });
    await work.tell(stateEvent("building"));
    await work.finish("failed");
    await stored(work.deployment, 5);
    expect(await world.deployment(work.deployment, () => true)).toMatchObject({
      state: "running",
      url: "http://kept",
    });
  });

  test("events of an attempt that was fenced off are dropped and counted", async () => {
    const work = await begin();
    const again = await agent.claim(work.deployment);
    expect(again).toMatchObject({ granted: true, attempt: 2 });
    const before =
      (await metrics("galley_ingest_dropped_total")).get('galley_ingest_dropped_total{reason="fenced"}') ?? 0;
    await work.tell(stateEvent("building"), { type: "deployment.note", text: "of attempt 1" });
    await work.finish("running");
    const late = work.events(stateEvent("preparing")).map((event) => ({ ...event, attempt: 2, seq: 1 }));
    await publish(agent.connection, subjects.events(agent.id, work.deployment), late);
    await stored(work.deployment, 1);
    expect(await world.deployment(work.deployment, () => true)).toMatchObject({
      state: "preparing",
      attempt: 2,
    });
    expect((await page(work.deployment)).events.map(({ event }) => event.attempt)).toEqual([2]);
    expect(
      (await metrics("galley_ingest_dropped_total")).get('galley_ingest_dropped_total{reason="fenced"}'),
    ).toBe(before + 3);
  });

  test("an agent that tells of another agent's deployment is not believed", async () => {
    const work = await begin();
    const other = await world.agent(`liar-${pr}`, { slots: 1 });
    const lies = work
      .events({
        type: "deployment.finished",
        outcome: "running",
        commit: null,
        url: "http://evil",
        services: [],
        duration: 1,
        error: null,
      })
      .map((event) => ({ ...event, agent: other.id }));
    await publish(other.connection, subjects.events(other.id, work.deployment), lies);
    // The bus lets nobody publish as somebody else at all.
    await expect(
      publish(other.connection, subjects.events(agent.id, work.deployment), lies),
    ).rejects.toThrow();
    await marked(work);
    expect(await world.deployment(work.deployment, () => true)).toMatchObject({
      state: "claimed",
      url: null,
    });
    await world.call("DELETE", `/agents/${other.id}`);
  });

  test("what is malformed costs only itself", async () => {
    const work = await begin();
    const subject = subjects.events(agent.id, work.deployment);
    for (const body of [
      "",
      "{",
      "[]",
      "null",
      '{"v":2,"events":[{}]}',
      '{"v":1,"events":[]}',
      '{"v":1,"events":[null]}',
      "\u0000\u0001",
      "[".repeat(100_000),
    ])
      await publish(agent.connection, subject, body);
    const [good] = work.events({ type: "deployment.note", text: "good" });
    for (const wrong of [
      { ...good, seq: 0 },
      { ...good, seq: 2 ** 40 },
      { ...good, attempt: 1.5 },
      { ...good, type: "deployment.state", state: "flying" },
      { ...good, deployment: "depother" },
      { ...good, project: "prjother" },
      { ...good, at: "yesterday" },
      { ...good, more: "x".repeat(300_000) },
    ])
      await publish(agent.connection, subject, [wrong]);
    await publish(agent.connection, subject, [good]);
    await stored(work.deployment, 1);
    expect((await page(work.deployment)).events.map(({ event }) => event)).toEqual([good]);
    expect((await world.call("GET", `/deployments/${work.deployment}`)).body).toMatchObject({
      state: "claimed",
    });
  });

  test("a deployment that is gone, or never was, is no reason to stop", async () => {
    const work = await begin();
    const events = work
      .events({ type: "deployment.note", text: "to nobody" })
      .map((event) => ({ ...event, deployment: "depgone" }));
    await publish(agent.connection, subjects.events(agent.id, "depgone"), events);
    await marked(work);
  });

  test("log lines are stored by sequence, with the project's secrets masked, and any byte that can be written", async () => {
    const work = await begin();
    const lines = [
      "plain",
      `token=${projectSecret} ok`,
      "nul \u0000 and half \ud800 of a pair",
      "emoji 😀",
      "x".repeat(100_000),
    ];
    await work.log(...lines);
    await work.log("of another");
    await marked(work);
    const { body } = await world.call<{
      lines: { seq: number; text: string; service: string }[];
      next: number;
    }>("GET", `/deployments/${work.deployment}/logs?service=web`);
    expect(body.lines.map(({ text }) => text)).toEqual([
      "plain",
      "token=*** ok",
      "nul \ufffd and half \ufffd of a pair",
      "emoji 😀",
      "x".repeat(100_000),
      "of another",
    ]);
    const rest = await world.call<typeof body>(
      "GET",
      `/deployments/${work.deployment}/logs?after=${body.lines[3]!.seq}&limit=1`,
    );
    expect(rest.body.lines.map(({ text }) => text.length)).toEqual([100_000]);
    expect(
      (await world.call<typeof body>("GET", `/deployments/${work.deployment}/logs?service=db`)).body.lines,
    ).toEqual([]);
    expect(JSON.stringify((await page(work.deployment)).events)).not.toContain(projectSecret);
  });

  test("a secret is masked in errors and notes, too", async () => {
    const work = await begin();
    const error = {
      ...{
        code: "git_failed",
        message: `no ${projectSecret}`,
        hint: null,
        step: null,
        command: `curl ${projectSecret}`,
      },
      ...{ exitCode: null, dockerfile: null, logTail: [projectSecret] },
    };
    await work.finish("failed", { error });
    const failed = await world.deployment(work.deployment, ({ final }) => final);
    expect(failed.error).toMatchObject({ message: "no ***", command: "curl ***", logTail: ["***"] });
  });

  test("events that come while no server is there wait, and are stored in order when one is", async () => {
    const work = await begin();
    await work.tell(stateEvent("preparing"));
    await stored(work.deployment, 1);
    await world.stopServer();
    await work.tell(stateEvent("building"));
    for (let n = 0; n < 50; n++) await work.log(`line ${n}`);
    await work.finish("running");
    await world.startServer();
    await world.deployment(work.deployment, ({ state }) => state === "running");
    await stored(work.deployment, 53);
    const found = await seqs(work.deployment);
    expect(found.sort((a, b) => a - b)).toEqual(Array.from({ length: 53 }, (_, n) => n + 1));
  });

  test("a bus that is killed in the middle of it loses nothing that it had taken", async () => {
    const work = await begin();
    await work.tell(stateEvent("building"));
    for (let n = 0; n < 20; n++) await work.log(`before ${n}`);
    await world.bus.server.kill();
    await world.bus.server.start();
    const back = Date.now() + 90_000;
    for (;;) {
      try {
        await work.finish("running");
        break;
      } catch (error) {
        if (Date.now() > back) throw error;
      }
    }
    await world.deployment(work.deployment, ({ state }) => state === "running");
    const all = await stored(work.deployment, 22);
    expect(all.events.filter(({ event }) => event.type === "step.log")).toHaveLength(20);
  });

  describe("a flood of log lines", () => {
    test("is stored whole, once each, and pages have no gap and no repeat", async () => {
      const work = await begin();
      const subject = subjects.logs(agent.id, work.deployment);
      const sent: Promise<void>[] = [];
      for (let batch = 0; batch < 40; batch++)
        sent.push(
          publish(
            agent.connection,
            subject,
            work.events(...Array.from({ length: 50 }, (_, n) => logEvent(`${batch}.${n}`))),
          ),
        );
      await Promise.all(sent);
      await work.finish("running");
      const found: number[] = [];
      await world.until<Page>(`/deployments/${work.deployment}/events?after=0&limit=1`, ({ final }) => final);
      for (let after = 0; found.length < 2001; ) {
        const next = await page(work.deployment, after);
        found.push(...next.events.map(({ event }) => event.seq));
        after = next.next;
      }
      expect(found.sort((a, b) => a - b)).toEqual(Array.from({ length: 2001 }, (_, n) => n + 1));
    });
  });

  test("the streams are read to the end", async () => {
    const server = await world.bus.connectServer();
    const manager = await server.nats.jetstreamManager();
    for (const stream of [streams.events, streams.logs])
      await expect.poll(async () => (await manager.consumers.info(stream, "ingest")).num_pending).toBe(0);
  });
});
