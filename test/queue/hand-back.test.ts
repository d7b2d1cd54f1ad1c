import { expect, test } from "vitest";
import { onEachDatabase } from "../support/databases.js";
import { stateEvent } from "./agent.js";
import { type quick, sharedWorlds, type World } from "./world.js";

let pr = 700;

onEachDatabase((databases) => {
  let world: World;
  const worldWith = sharedWorlds(databases);
  /** Nothing is concluded from silence: what moves was handed back. */
  const patient = { forgottenMs: 600_000, lostMs: 600_000, goneMs: 600_000 };
  const start = async (more: typeof quick = patient) => {
    world = await worldWith(more);
    return { one: await world.agent("one", { slots: 9 }), two: await world.agent("two") };
  };
  const deploy = () => world.deploy({ pr: ++pr });
  const state = (id: string, wanted: string) =>
    world.deployment(id, (deployment) => deployment.state === wanted);

  test("what a draining agent hands back goes to another one at once, as its next attempt", async () => {
    const { one, two } = await start();
    const { id, environment } = await deploy();
    const work = await one.take();
    await work.tell(stateEvent("building"));
    await state(id, "building");
    one.beat({ draining: true });
    expect(await two.handBack(id, 1)).toEqual({ v: 1, taken: false });
    expect(await one.handBack(id, 1)).toEqual({ v: 1, taken: true });
    const moved = await two.take();
    expect(moved.granted).toMatchObject({ attempt: 2, job: { deployment: id } });
    expect(await one.handBack(id, 1)).toEqual({ v: 1, taken: false });
    // What the first one tells now is of an attempt that is no more, and what it has left is to be removed.
    await work.finish("running", { url: "http://first" });
    await moved.finish("running", { url: "http://second" });
    expect(await state(id, "running")).toMatchObject({ url: "http://second", agent: two.id, attempt: 2 });
    expect(await one.sync([], [environment.id])).toMatchObject({ remove: [environment.id] });
  });

  test("being handed back uses up no attempts, and the wait for an agent begins anew", async () => {
    const { one, two } = await start();
    await world.call("DELETE", `/agents/${two.id}`);
    const { id } = await deploy();
    for (const attempt of [1, 2, 3, 4]) {
      const work = await one.take();
      expect(work.granted.attempt).toBe(attempt);
      await world.advance(one, 1800_000);
      expect(await one.handBack(id, attempt)).toMatchObject({ taken: true });
      await work.settle();
    }
    await (await one.take()).finish("running");
    await state(id, "running");
  });

  test("a preview that serves is not moved away from a draining agent: its next deployment waits for that one", async () => {
    const { one, two } = await start();
    const first = await deploy();
    await (await one.take()).finish("running", { url: "http://first" });
    await state(first.id, "running");
    const { id } = await world.deploy({ pr });
    const work = await one.take();
    one.beat({ draining: true });
    await one.handBack(id, 1);
    await work.settle();
    await state(id, "queued");
    const elsewhere = await deploy();
    expect((await two.take()).deployment).toBe(elsewhere.id);
    expect(await world.deployment(id, () => true)).toMatchObject({ state: "queued", agent: null });
    one.beat({ draining: false });
    const again = await one.take();
    expect(again.granted).toMatchObject({ attempt: 2, job: { deployment: id } });
    await again.finish("running");
    await state(id, "running");
  });

  test("a job that waits at an agent that begins to drain goes to another one", async () => {
    const { one, two } = await start();
    const { id } = await deploy();
    await world.deployment(id, ({ agent }) => agent === one.id);
    one.beat({ draining: true });
    const moved = await two.take();
    expect(moved.deployment).toBe(id);
    expect(await one.claim(id)).toMatchObject({ granted: false, reason: "not_yours" });
    await moved.finish("running");
    await state(id, "running");
  });

  test("one that was to be cancelled is cancelled when it is handed back", async () => {
    const { one } = await start();
    const { id } = await deploy();
    const work = await one.take();
    await world.call("POST", `/deployments/${id}/cancel`);
    expect(await one.handBack(id, 1)).toMatchObject({ taken: true });
    await state(id, "cancelled");
    await work.settle();
  });

  test("malformed hand-backs are refused with a code", async () => {
    const { one } = await start();
    for (const body of [
      "",
      "{",
      "[]",
      '{"v":1}',
      '{"v":1,"deployment":"d1","attempt":0}',
      "x".repeat(600_000),
    ]) {
      const reply = await one.connection.nats.request(`galley.rpc.${one.id}.hand-back`, body, {
        timeout: 5000,
      });
      expect(reply.json<{ error?: { code: string } }>().error?.code, body.slice(0, 60)).toBe(
        "bus_message_invalid",
      );
    }
    expect(await one.handBack("depunknown", 1)).toEqual({ v: 1, taken: false });
  });

  test("what an agent could not hand back, as the server was away, moves when it says that it drains and has nothing", async () => {
    const { one, two } = await start({ heartbeatMs: 700, forgottenMs: 1500, lostMs: 600_000 });
    const { id } = await deploy();
    await one.take();
    await state(id, "claimed");
    one.beat({ draining: true, running: [] });
    one.hush();
    const moved = await two.take();
    expect(moved.granted).toMatchObject({ attempt: 2, job: { deployment: id } });
    await moved.finish("running");
    await state(id, "running");
  });
});
