import { afterEach, expect, test } from "vitest";
import { onEachDatabase } from "../support/databases.js";
import type { Work } from "./agent.js";
import { type Deployment, quick, startWorld, type World } from "./world.js";

const day = 24 * 3600_000;
let pr = 900;

onEachDatabase((databases) => {
  let world: World;
  afterEach(async () => world?.remove());
  // Small enough that several runs are needed for a deployment.
  const start = async (retention: NonNullable<(typeof quick)["retention"]>) => {
    world = await startWorld(databases, {
      ...quick,
      // The clock makes leaps: nobody is lost by them, and no preview's time is over.
      lostMs: 365 * day,
      ttlMs: 0,
      follow: { ...quick.follow, stragglersMs: 600_000 },
      retention: { everyMs: 200, removeAtOnce: 7, removalsARun: 2, ...retention },
    });
    return world.agent("one", { slots: 9 });
  };
  type Kept = Deployment & { readonly eventsRemovedAt: string | null };
  const kept = (id: string, wanted: (deployment: Kept) => boolean) =>
    world.until<Kept>(`/deployments/${id}`, wanted);
  const eventsOf = async (id: string) =>
    (await world.call<{ events: unknown[] }>("GET", `/deployments/${id}/events?limit=500`)).body.events;
  const logged = async (work: Work, outcome: string, more = {}) => {
    for (let line = 0; line < 29; line += 1) await work.log(`line ${line}`);
    await work.finish(outcome, more);
    await world.until<{ events: unknown[] }>(
      `/deployments/${work.deployment}/events?limit=500`,
      ({ events }) => events.length === 30,
    );
  };

  test("events of deployments that ended long ago are removed; the deployment, its failure and what serves stay", async () => {
    const agent = await start({ eventsKeepMs: 30 * day, eventsKeepCount: 10_000 });
    const first = await world.deploy({ pr: ++pr });
    await logged(await agent.take(), "running", { url: "http://first" });
    const failed = await world.deploy({ pr: ++pr });
    const error = {
      code: "step_failed",
      message: "npm ci",
      hint: null,
      step: null,
      command: null,
      exitCode: 1,
    };
    await logged(await agent.take(), "failed", { error: { ...error, dockerfile: null, logTail: [] } });
    await world.advance(agent, 29 * day);
    const open = await world.deploy({ pr: ++pr });
    const work = await agent.take();
    await work.log("still building");
    await world.until<{ events: unknown[] }>(
      `/deployments/${open.id}/events`,
      ({ events }) => events.length === 1,
    );
    expect(await eventsOf(failed.id)).toHaveLength(30);

    agent.beat({ running: [{ deployment: open.id, attempt: 1 }] });
    await world.advance(agent, 2 * day);
    await kept(failed.id, ({ eventsRemovedAt }) => eventsRemovedAt !== null);
    await world.until<{ events: unknown[] }>(
      `/deployments/${failed.id}/events`,
      ({ events }) => events.length === 0,
    );
    expect(await kept(failed.id, () => true)).toMatchObject({
      state: "failed",
      attempt: 1,
      error: { code: "step_failed", message: "npm ci" },
    });
    expect(
      (await world.call<{ lines: unknown[] }>("GET", `/deployments/${failed.id}/logs`)).body.lines,
    ).toEqual([]);
    expect(await eventsOf(first.id), "its containers serve").toHaveLength(30);
    expect(await eventsOf(open.id), "it is open").toHaveLength(1);
    // Who follows it is not kept waiting for events that will not come.
    const followed = await fetch(`${world.url}/api/v1/deployments/${failed.id}/events`, {
      headers: { accept: "text/event-stream", authorization: `Bearer ${world.token}` },
      signal: AbortSignal.timeout(30_000),
    });
    expect(await followed.text()).toMatch(/^event: deployment\n.*\n\nevent: end\n/);
    await work.finish("running");
  });

  test("when there are too many events, those of the deployments that ended first are removed", async () => {
    const agent = await start({ eventsKeepMs: 365 * day, eventsKeepCount: 65 });
    const ids: string[] = [];
    for (let n = 0; n < 3; n += 1) {
      const { id } = await world.deploy({ pr: ++pr });
      ids.push(id);
      const work = await agent.take();
      if (n < 2) await logged(work, n === 0 ? "running" : "failed");
      else {
        for (let line = 0; line < 29; line += 1) await work.log(`line ${line}`);
        await world.until<{ events: unknown[] }>(
          `/deployments/${id}/events?limit=500`,
          ({ events }) => events.length === 29,
        );
        // 89 in all: one has to go, and of those that ended the one that serves is the last to.
        await kept(ids[1]!, ({ eventsRemovedAt }) => eventsRemovedAt !== null);
        await world.until<{ events: unknown[] }>(
          `/deployments/${ids[1]}/events`,
          ({ events }) => events.length === 0,
        );
        expect(await eventsOf(ids[0]!)).toHaveLength(30);
        expect(await eventsOf(id)).toHaveLength(29);
        await work.finish("running");
      }
    }
    expect(await kept(ids[0]!, () => true)).toMatchObject({ eventsRemovedAt: null });
  });
});
