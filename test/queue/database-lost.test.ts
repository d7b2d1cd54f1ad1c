import { afterAll, beforeAll, expect, test } from "vitest";
import { type PostgresServer, startPostgres } from "../support/postgres.js";
import { stateEvent, type TestAgent } from "./agent.js";
import { eventually, quick, startWorld, type World } from "./world.js";

let postgres: PostgresServer;
let world: World;
let agent: TestAgent;
beforeAll(async () => {
  postgres = await startPostgres();
  const databases = {
    kind: "postgres" as const,
    directory: () => "",
    fresh: async () => ({ url: await postgres.database() }),
  };
  world = await startWorld(databases, { ...quick, forgottenMs: 60_000, unclaimedMs: 60_000 });
  agent = await world.agent("one", { slots: 100 });
});
afterAll(async () => {
  await world?.remove();
  await postgres?.remove();
});

test("a database that is killed in the middle of a build costs nothing but time", async () => {
  const { id } = await world.deploy({ pr: 1 });
  const work = await agent.take();
  agent.beat({ running: [{ deployment: id, attempt: 1 }] });
  await work.tell(stateEvent("preparing"));
  await world.deployment(id, ({ state }) => state === "preparing");
  await postgres.kill();
  try {
    await work.tell(stateEvent("building"));
    for (let n = 0; n < 20; n++) await work.log(`line ${n}`);
    expect(await world.call("POST", "/projects/shop/deployments", { pr: 2 })).toMatchObject({
      status: 503,
      body: { code: "database_unreachable" },
    });
    expect((await fetch(`${world.url}/readyz`)).status).toBe(503);
    expect((await fetch(`${world.url}/healthz`)).status).toBe(200);
    // A question is refused with a code, and asked again later.
    await expect(agent.claim(id)).rejects.toMatchObject({ code: "database_unreachable" });
  } finally {
    await postgres.start();
  }
  // What could not be stored is in no log: drizzle's errors would show it.
  expect(world.bus.log.lines.join("") + world.logged.join("")).not.toContain("line 19");
  await work.finish("running", { url: "http://through" });
  const done = await world.deployment(id, ({ final }) => final);
  expect(done).toMatchObject({ state: "running", attempt: 1, url: "http://through" });
  const page = await world.until<{ events: { event: { seq: number } }[] }>(
    `/deployments/${id}/events?limit=500`,
    ({ events }) => events.length >= 23,
  );
  expect(page.events.map(({ event }) => event.seq).sort((a, b) => a - b)).toEqual(
    Array.from({ length: 23 }, (_, n) => n + 1),
  );
  await world.until<{ online: boolean }>(`/agents/${agent.id}`, ({ online }) => online);
  const next = await world.deploy({ pr: 2 });
  const again = await agent.take();
  expect(again.deployment).toBe(next.id);
  await again.finish("running");
  await world.deployment(next.id, ({ state }) => state === "running");
});

test("who follows a deployment while the database is lost is cut off, and can go on", async () => {
  const { id } = await world.deploy({ pr: 3 });
  const work = await agent.take();
  const answer = await fetch(`${world.url}/api/v1/deployments/${id}/events`, {
    headers: { accept: "text/event-stream", authorization: `Bearer ${world.token}` },
  });
  const reading = answer.text().then(
    (text) => text.includes("event: end"),
    () => false,
  );
  await postgres.kill();
  expect(await reading).toBe(false);
  await postgres.start();
  await work.finish("running");
  await world.deployment(id, ({ state }) => state === "running");
  await eventually(
    async () => ((await fetch(`${world.url}/readyz`)).status === 200 ? true : undefined),
    async () => "the server is not ready again",
  );
});
