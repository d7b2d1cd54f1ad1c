import { beforeEach, describe, expect, test } from "vitest";
import { onEachDatabase } from "../support/databases.js";
import { stateEvent, type TestAgent, work } from "./agent.js";
import { projectSecret, quick, standingWorld, type World } from "./world.js";

let pr = 100;

onEachDatabase((databases) => {
  let world: World;
  let agent: TestAgent;
  const standing = standingWorld(databases, { ...quick, forgottenMs: 60_000, unclaimedMs: 60_000 });
  beforeEach(async () => {
    ({ world, agent } = await standing());
  });

  /** A deployment in an environment of its own whose job this agent holds. */
  const held = async () => {
    const { id } = await world.deploy({ pr: ++pr });
    for (;;) {
      const message = await agent.next();
      if (message.message.deployment === id) return { id, message };
      message.nak(0);
    }
  };

  test("a claim has all that the project has, and nothing secret lies in a stream", async () => {
    const { id, message } = await held();
    const reply = await agent.claim(id);
    expect(reply).toMatchObject({
      granted: true,
      attempt: 1,
      job: {
        kind: "deploy",
        deployment: id,
        project: { name: "shop", url: "https://git.example/shop.git", credential: null },
        environment: { name: `pr-${pr}`, pr },
        ref: `refs/pull/${pr}/head`,
        commit: null,
        useCache: true,
        secrets: { API_KEY: projectSecret },
        ingress: { scheme: "http", domain: "localhost", port: null },
      },
    });
    await world.deployment(id, ({ state, attempt }) => state === "claimed" && attempt === 1);
    const server = await world.bus.connectServer();
    const manager = await server.nats.jetstreamManager();
    const stored = await manager.streams.getMessage("JOBS", { last_by_subj: `galley.jobs.${agent.id}` });
    expect(new TextDecoder().decode(stored.data)).toBe(`{"v":1,"deployment":"${id}","kind":"deploy"}`);
    await message.ack();
  });

  test("a claim that is repeated, as the answer was lost, is granted the same attempt, also once it is under way", async () => {
    const { id, message } = await held();
    const granted = await agent.claim(id, "claim-one");
    for (let n = 0; n < 5; n++) expect(await agent.claim(id, "claim-one")).toEqual(granted);
    if (!granted.granted) throw new Error(granted.reason);
    await work(agent.connection, agent.id, message, granted).tell(stateEvent("building"));
    await world.deployment(id, ({ state }) => state === "building");
    expect(await agent.claim(id, "claim-one")).toEqual(granted);
    expect(await world.deployment(id, () => true)).toMatchObject({ state: "building", attempt: 1 });
    await message.ack();
  });

  test("a claim that was on its way while a later one was granted is refused, and takes nothing from that one", async () => {
    const { id, message } = await held();
    await agent.claim(id, "claim-before");
    expect(await agent.claim(id, "claim-after")).toMatchObject({ granted: true, attempt: 2 });
    expect(await agent.claim(id, "claim-before")).toEqual({ v: 1, granted: false, reason: "stale" });
    expect(await agent.claim(id, "claim-after")).toMatchObject({ granted: true, attempt: 2 });
    await message.ack();
  });

  test("each further claim is another attempt, and the fourth is refused for good", async () => {
    const { id, message } = await held();
    for (const attempt of [1, 2, 3]) expect(await agent.claim(id)).toMatchObject({ granted: true, attempt });
    expect(await agent.claim(id)).toEqual({ v: 1, granted: false, reason: "too_many_attempts" });
    expect(await world.deployment(id, ({ final }) => final)).toMatchObject({
      state: "failed",
      attempt: 3,
      error: { code: "too_many_attempts", hint: expect.any(String) },
    });
    expect(await agent.claim(id)).toEqual({ v: 1, granted: false, reason: "finished" });
    await message.ack();
  });

  test("of many claims at once each that is granted has an attempt of its own", async () => {
    const { id, message } = await held();
    const replies = await Promise.all([1, 2, 3, 4, 5].map(() => agent.claim(id)));
    const attempts = replies.flatMap((reply) => (reply.granted ? [reply.attempt] : []));
    expect(attempts.sort()).toEqual([1, 2, 3]);
    expect(replies.flatMap((reply) => (reply.granted ? [] : [reply.reason])).sort()).toEqual([
      "finished",
      "too_many_attempts",
    ]);
    await message.ack();
  });

  test("another agent's deployment, and one that is not there, are refused", async () => {
    const { id, message } = await held();
    const other = await world.agent("other");
    expect(await other.claim(id)).toEqual({ v: 1, granted: false, reason: "not_yours" });
    expect(await other.claim("depnothing")).toEqual({ v: 1, granted: false, reason: "unknown" });
    expect(await agent.claim(id)).toMatchObject({ granted: true, attempt: 1 });
    await message.ack();
    await world.call("DELETE", `/agents/${other.id}`);
  });

  test("a cancelled and a superseded deployment are refused by these names", async () => {
    const first = await held();
    await world.call("POST", `/deployments/${first.id}/cancel`);
    expect(await agent.claim(first.id)).toMatchObject({ granted: false, reason: "cancelled" });
    const second = await held();
    const third = await world.deploy({ pr });
    expect(await agent.claim(second.id)).toMatchObject({ granted: false, reason: "superseded" });
    expect(await agent.claim(third.id)).toMatchObject({ granted: true });
    for (const { message } of [first, second]) await message.ack();
  });

  test("a claim of one that was to be cancelled, by an agent that has lost it, ends it", async () => {
    const { id, message } = await held();
    await agent.claim(id);
    expect((await world.call("POST", `/deployments/${id}/cancel`)).body).toMatchObject({
      state: "claimed",
      cancelling: "cancelled",
    });
    expect(await agent.claim(id)).toMatchObject({ granted: false, reason: "cancelled" });
    await world.deployment(id, ({ state }) => state === "cancelled");
    await message.ack();
  });

  test("a job that is handed back a hundred times ends its deployment", async () => {
    const { id, message } = await held();
    message.nak(0);
    for (let handed = 1; handed < 100; ) {
      const next = await agent.next();
      if (next.message.deployment === id) handed = next.delivery;
      next.nak(0);
    }
    // The bus says so when it is asked for the next job.
    const more = await held();
    expect(await world.deployment(id, ({ final }) => final)).toMatchObject({
      state: "failed",
      error: { code: "too_many_attempts" },
    });
    await more.message.ack();
  });

  test("malformed questions are refused with a code, and the next one is answered", async () => {
    const ask = async (body: string) => {
      const reply = await agent.connection.nats.request(`galley.rpc.${agent.id}.claim`, body, {
        timeout: 5000,
      });
      return reply.json<{ error?: { code: string } }>();
    };
    for (const body of [
      "",
      "{",
      "[]",
      '{"v":2,"deployment":"d1","claim":"claim-one"}',
      '{"v":1,"deployment":"../etc","claim":"claim-one"}',
      '{"v":1,"deployment":"d1","claim":"*"}',
      '{"v":1,"deployment":"d1"}',
      JSON.stringify({ v: 1, deployment: "d1", claim: "claim-one", more: "x".repeat(600_000) }),
    ])
      expect((await ask(body)).error?.code, body.slice(0, 60)).toBe("bus_message_invalid");
    expect(await agent.claim("d1")).toMatchObject({ reason: "unknown" });
  });

  test("an agent cannot ask in another's name", async () => {
    const other = await world.agent("impostor");
    await expect(
      other.connection.nats.request(`galley.rpc.${agent.id}.claim`, "{}", { timeout: 1000 }),
    ).rejects.toThrow();
    await world.call("DELETE", `/agents/${other.id}`);
  });

  if (databases.kind === "postgres")
    describe("with two servers", () => {
      test("claims are shared, and none is granted twice", async () => {
        const { id, message } = await held();
        await world.startSecond();
        const replies = await Promise.all(
          Array.from({ length: 12 }, (_, n) => agent.claim(id, `claim-no-${n % 4}`)),
        );
        const byClaim = new Map<number, Set<number>>();
        replies.forEach((reply, n) => {
          if (reply.granted) byClaim.set(n % 4, (byClaim.get(n % 4) ?? new Set()).add(reply.attempt));
        });
        const attempts = [...byClaim.values()].flatMap((found) => [...found]);
        expect(new Set(attempts).size).toBe(attempts.length);
        expect(Math.max(...attempts)).toBeLessThanOrEqual(3);
        await message.ack();
      });

      test("requests at once for one environment leave one that wins", async () => {
        const second = await world.startSecond();
        pr += 1;
        const ask = (url: string) =>
          fetch(`${url}/api/v1/projects/shop/deployments`, {
            method: "POST",
            headers: { "content-type": "application/json", authorization: `Bearer ${world.token}` },
            body: JSON.stringify({ pr }),
          }).then((answer) => answer.json() as Promise<{ id: string; number: number }>);
        const asked = await Promise.all(
          Array.from({ length: 10 }, (_, n) => ask(n % 2 === 0 ? world.url : second)),
        );
        expect(asked.map(({ number }) => number).sort((a, b) => a - b)).toEqual([
          1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
        ]);
        const newest = asked.find(({ number }) => number === 10)!;
        for (const { id } of asked)
          await world.deployment(id, ({ state }) => state === (id === newest.id ? "queued" : "superseded"));
        const granted = await Promise.all(asked.map(({ id }) => agent.claim(id)));
        expect(granted.filter((reply) => reply.granted)).toHaveLength(1);
      });
    });
});
