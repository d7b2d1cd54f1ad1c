import { afterAll, beforeAll, expect, test } from "vitest";
import { onEachDatabase } from "../support/databases.js";
import type { TestAgent } from "./agent.js";
import { quick, startWorld, type World } from "./world.js";

interface Environment {
  readonly id: string;
  readonly state: string;
  readonly pinned: boolean;
  readonly expiresAt: string | null;
  readonly deployments: readonly {
    readonly kind: string;
    readonly state: string;
    readonly requestedBy: string;
  }[];
}

const hour = 3600_000;
let pr = 700;

onEachDatabase((databases) => {
  let world: World;
  let agent: TestAgent;
  beforeAll(async () => {
    world = await startWorld(databases, { ...quick, ttlMs: 24 * hour, forgottenMs: 1e9, unclaimedMs: 1e9 });
    agent = await world.agent("one", { slots: 100 });
  });
  afterAll(async () => world?.remove());

  const running = async (number = ++pr) => {
    const { environment } = await world.deploy({ pr: number });
    await (await agent.take()).finish("running");
    return world.until<Environment>(`/environments/${environment.id}`, ({ state }) => state === "running");
  };
  const post = async (id: string, verb: string, body?: object) => {
    const answer = await world.call<Environment>("POST", `/environments/${id}/${verb}`, body);
    expect(answer.status, JSON.stringify(answer.body)).toBe(200);
    return answer.body;
  };
  /** Milliseconds that it has left by the server's clock, to a minute. */
  const left = ({ expiresAt }: Environment) =>
    Math.round((Date.parse(expiresAt ?? "") - Date.now() - world.clock.ahead) / 60_000) * 60_000;

  test("an environment expires a while after its last deployment and is taken down, unless it is pinned", async () => {
    const [over, pinned] = [await running(), await running()];
    expect(left(over)).toBe(24 * hour);
    expect(await post(pinned.id, "pin")).toMatchObject({ pinned: true, state: "running" });
    world.clock.ahead += 25 * hour;
    agent.beat();
    const taken = await agent.take();
    expect(taken.granted.job).toMatchObject({ kind: "terminate", environment: { id: over.id } });
    await taken.finish("terminated");
    expect(
      await world.until<Environment>(`/environments/${over.id}`, ({ state }) => state === "terminated"),
    ).toMatchObject({
      expiresAt: null,
      deployments: [{ kind: "terminate", requestedBy: "galley (expired)" }, { kind: "deploy" }],
    });
    expect((await world.call("GET", `/environments/${pinned.id}`)).body).toMatchObject({ state: "running" });
    const { entries } = (await world.call<{ entries: object[] }>("GET", "/audit?limit=20")).body;
    expect(entries).toContainEqual(
      expect.objectContaining({
        action: "environment.expire",
        target: `shop/pr-${pr - 1}`,
        actor: expect.objectContaining({ kind: "system" }),
      }),
    );
    // Its time was over long ago: it gets a new one, and not none.
    const unpinned = await post(pinned.id, "unpin");
    expect(unpinned.pinned).toBe(false);
    expect(left(unpinned)).toBe(24 * hour);
  });

  test("a deployment renews the time, an extension adds to it, and a deployment does not take that away", async () => {
    const { id } = await running();
    world.clock.ahead += 10 * hour;
    agent.beat();
    expect(left(await running(pr))).toBe(24 * hour);
    expect(left(await post(id, "extend", { for: "3d" }))).toBe(4 * 24 * hour);
    expect(left(await post(id, "extend", {}))).toBe(5 * 24 * hour);
    expect(left(await running(pr))).toBe(5 * 24 * hour);
    for (const wrong of ["3", "0d", "never", "400d"])
      expect((await world.call("POST", `/environments/${id}/extend`, { for: wrong })).status, wrong).toBe(
        400,
      );
    expect((await world.call("POST", `/environments/${id}/extend`, { for: "365d" })).body).toMatchObject({
      code: "invalid_request",
      hint: expect.stringContaining("Pin it"),
    });
  });

  test("a project says how long its previews live", async () => {
    const set = (life: object) => world.call("PATCH", "/projects/shop", { life });
    expect((await set({ ttl: "2h", idle: "never" })).body).toMatchObject({
      life: { ttl: "2h", idle: "never" },
    });
    expect(left(await running())).toBe(2 * hour);
    expect((await set({ ttl: "never" })).body).toMatchObject({ life: { ttl: "never", idle: "never" } });
    const { id, expiresAt } = await running();
    expect(expiresAt).toBeNull();
    expect(await world.call("POST", `/environments/${id}/extend`, {})).toMatchObject({ status: 409 });
    expect((await set({ ttl: "1y" })).status).toBe(400);
    expect((await set({ ttl: null, idle: null })).body).toMatchObject({ life: { ttl: null, idle: null } });
  });

  test("what is being taken down is neither pinned nor extended, and what is not there is not found", async () => {
    const { id } = await running();
    await world.call("POST", `/environments/${id}/terminate`);
    for (const verb of ["pin", "unpin", "extend"])
      expect(
        await world.call("POST", `/environments/${id}/${verb}`, verb === "extend" ? {} : undefined),
      ).toMatchObject({
        status: 409,
        body: { code: "conflict" },
      });
    await (await agent.take()).finish("terminated");
    expect((await world.call("POST", "/environments/env0000000000000000/pin")).status).toBe(404);
  });
});
