import { beforeEach, describe, expect, test } from "vitest";
import { onEachDatabase } from "../support/databases.js";
import { stateEvent, type TestAgent, type Work } from "./agent.js";
import { type Deployment, quick, standingWorld, type World } from "./world.js";

let pr = 300;

onEachDatabase((databases) => {
  let world: World;
  let agent: TestAgent;
  const standing = standingWorld(databases, { ...quick, forgottenMs: 60_000, unclaimedMs: 60_000 });
  beforeEach(async () => {
    ({ world, agent } = await standing());
  });

  const begin = async (target: object = { pr: ++pr }): Promise<Work> => {
    const { id } = await world.deploy(target);
    const work = await agent.take();
    expect(work.deployment).toBe(id);
    await work.settle();
    return work;
  };
  const terminate = async (environment: string) =>
    world.call<Deployment>("POST", `/environments/${environment}/terminate`);
  const cancelsOf = (deployment: string) =>
    agent.commands.filter((command) => command.type === "cancel" && command.deployment === deployment);

  describe("a newer request", () => {
    test("supersedes what is queued and cancels what runs, and begins when that has stopped", async () => {
      const first = await begin();
      const second = await world.deploy({ pr });
      const third = await world.deploy({ pr });
      await world.deployment(second.id, ({ state }) => state === "superseded");
      await expect
        .poll(() => cancelsOf(first.deployment))
        .toEqual([{ v: 1, type: "cancel", deployment: first.deployment, reason: "superseded" }]);
      expect(await world.deployment(first.deployment, () => true)).toMatchObject({
        state: "claimed",
        cancelling: "superseded",
      });
      // Nothing of the environment is given out while the first one runs.
      expect(await world.deployment(third.id, () => true)).toMatchObject({ state: "queued", agent: null });
      await first.finish("cancelled");
      await world.deployment(first.deployment, ({ state }) => state === "superseded");
      const work = await agent.take();
      expect(work.deployment).toBe(third.id);
      await work.finish("running");
      await world.deployment(third.id, ({ state }) => state === "running");
    });

    test("does not change that the one before got through, when it did", async () => {
      const first = await begin();
      const second = await world.deploy({ pr });
      await first.finish("running", { url: "http://through" });
      await world.deployment(first.deployment, ({ state }) => state === "running");
      const work = await agent.take();
      expect(work.deployment).toBe(second.id);
      await work.finish("running");
    });

    test("leaves other environments alone", async () => {
      const first = await begin();
      const other = await begin();
      await world.deploy({ pr });
      expect(await world.deployment(first.deployment, () => true)).toMatchObject({ cancelling: null });
      expect(await world.deployment(other.deployment, () => true)).toMatchObject({
        cancelling: "superseded",
      });
      await first.finish("running");
      await other.finish("cancelled");
      await (await agent.take()).finish("running");
    });

    test("of twenty in a row the last one runs, and the others are superseded", async () => {
      pr += 1;
      const asked: Deployment[] = [];
      for (let n = 0; n < 20; n++) asked.push(await world.deploy({ pr }));
      const last = asked.at(-1)!;
      for (const { id } of asked.slice(0, -1))
        expect(await world.deployment(id, ({ final }) => final)).toMatchObject({
          state: "superseded",
          error: { code: "superseded" },
        });
      const work = await agent.take();
      expect(work.deployment).toBe(last.id);
      await work.finish("running");
    });
  });

  describe("a cancel", () => {
    test("of one that waits is immediate, and what was before it stays", async () => {
      const first = await begin();
      await first.finish("running", { url: "http://there" });
      await world.deployment(first.deployment, ({ state }) => state === "running");
      agent.beat({ draining: true });
      await world.until<{ draining: boolean }>(`/agents/${agent.id}`, ({ draining }) => draining);
      const second = await world.deploy({ pr });
      const answer = await world.call<Deployment>("POST", `/deployments/${second.id}/cancel`);
      expect(answer).toMatchObject({ status: 200, body: { state: "cancelled", final: true } });
      expect((await world.call("GET", `/environments/${second.environment.id}`)).body).toMatchObject({
        state: "running",
        deployment: first.deployment,
      });
      agent.beat({ draining: false });
    });

    test("of one under way is done when its agent says so", async () => {
      const work = await begin();
      await work.tell(stateEvent("building"));
      await world.deployment(work.deployment, ({ state }) => state === "building");
      const asked = await world.call<Deployment>("POST", `/deployments/${work.deployment}/cancel`);
      expect(asked.body).toMatchObject({ state: "building", cancelling: "cancelled", final: false });
      await expect.poll(() => cancelsOf(work.deployment).length).toBeGreaterThan(0);
      await work.finish("cancelled");
      expect(await world.deployment(work.deployment, ({ final }) => final)).toMatchObject({
        state: "cancelled",
        cancelling: null,
      });
    });

    test("is told again until the agent hears it", async () => {
      const work = await begin();
      agent.beat({ running: [{ deployment: work.deployment, attempt: 1 }] });
      await world.call("POST", `/deployments/${work.deployment}/cancel`);
      await expect.poll(() => cancelsOf(work.deployment).length).toBeGreaterThan(2);
      agent.beat({ running: [] });
      await work.finish("cancelled");
    });

    test("of one that has ended, or is not there, is refused with a code", async () => {
      const work = await begin();
      await work.finish("running");
      await world.deployment(work.deployment, ({ final }) => final);
      expect(await world.call("POST", `/deployments/${work.deployment}/cancel`)).toMatchObject({
        status: 409,
        body: { code: "conflict" },
      });
      expect(await world.call("POST", "/deployments/depnothing/cancel")).toMatchObject({
        status: 404,
        body: { code: "not_found" },
      });
    });
  });

  describe("a take-down", () => {
    test("in the middle of a build cancels it, waits for it, and leaves nothing", async () => {
      const work = await begin();
      const { environment } = await world.deployment(work.deployment, () => true);
      const asked = await terminate(environment.id);
      expect(asked).toMatchObject({ status: 201, body: { kind: "terminate", state: "queued" } });
      // Asked again, it is the same one.
      expect(await terminate(environment.id)).toMatchObject({ status: 200, body: { id: asked.body.id } });
      expect(await world.deployment(work.deployment, () => true)).toMatchObject({ cancelling: "superseded" });
      await work.finish("cancelled");
      const down = await agent.take();
      expect(down.granted.job).toMatchObject({ kind: "terminate", environment: { id: environment.id } });
      await down.finish("terminated");
      await world.deployment(down.deployment, ({ state }) => state === "terminated");
      expect((await world.call("GET", `/environments/${environment.id}`)).body).toMatchObject({
        state: "terminated",
        agent: null,
        deployment: null,
        url: null,
      });
    });

    test("ends what runs, and the next deployment begins anew", async () => {
      const work = await begin();
      await work.finish("running");
      const { environment } = await world.deployment(work.deployment, ({ state }) => state === "running");
      await terminate(environment.id);
      const down = await agent.take();
      // A deployment that is asked for meanwhile waits for it.
      const next = await world.deploy({ pr });
      expect(await world.deployment(next.id, () => true)).toMatchObject({ state: "queued", agent: null });
      await down.finish("terminated");
      await world.deployment(work.deployment, ({ state }) => state === "superseded");
      const again = await agent.take();
      expect(again.deployment).toBe(next.id);
      await again.finish("running");
      await world.until<{ state: string }>(
        `/environments/${environment.id}`,
        ({ state }) => state === "running",
      );
    });

    test("of an environment that nobody has begun with is done at once", async () => {
      agent.beat({ draining: true });
      await world.until<{ draining: boolean }>(`/agents/${agent.id}`, ({ draining }) => draining);
      const waiting = await world.deploy({ pr: ++pr });
      expect(await terminate(waiting.environment.id)).toMatchObject({
        status: 201,
        body: { state: "terminated" },
      });
      await world.deployment(waiting.id, ({ state }) => state === "superseded");
      agent.beat({ draining: false });
    });

    test("cannot be stopped half-way", async () => {
      const work = await begin();
      await work.finish("running");
      const { environment } = await world.deployment(work.deployment, ({ state }) => state === "running");
      const { body } = await terminate(environment.id);
      const down = await agent.take();
      expect(await world.call("POST", `/deployments/${body.id}/cancel`)).toMatchObject({ status: 409 });
      await down.finish("terminated");
    });
  });

  describe("slots", () => {
    test("are given away one by one, to the oldest first, and an environment stays where it is", async () => {
      agent.beat({ draining: true });
      await world.until<{ draining: boolean }>(`/agents/${agent.id}`, ({ draining }) => draining);
      const small = await world.agent("small", { slots: 1 });
      const first = await world.deploy({ pr: ++pr });
      const second = await world.deploy({ pr: ++pr });
      const third = await world.deploy({ pr: ++pr });
      const one = await small.take();
      expect(one.deployment).toBe(first.id);
      expect(await world.deployment(second.id, () => true)).toMatchObject({ state: "queued", agent: null });
      // The first agent has room again; what was promised to nobody goes there.
      agent.beat({ draining: false });
      const others = [await agent.take(), await agent.take()];
      expect(others.map(({ deployment }) => deployment).sort()).toEqual([second.id, third.id].sort());
      for (const work of [one, ...others]) await work.finish("running");
      await world.deployment(first.id, ({ state }) => state === "running");
      const again = await world.deploy({ pr: pr - 2 });
      const same = await small.take();
      expect(same.deployment).toBe(again.id);
      await same.finish("running");
      await world.call("DELETE", `/agents/${small.id}`);
    });
  });

  describe("requests", () => {
    test.each([
      {},
      { pr: 0 },
      { pr: 1.5 },
      { pr: "1" },
      { pr: 1, ref: "main" },
      { ref: "" },
      { ref: "--upload-pack=x" },
      { ref: "a..b" },
      { pr: 1, commit: "HEAD" },
      { pr: 1, commit: "abc" },
      { pr: 1, useCache: "no" },
      { pr: 1, fork: "no" },
      { pr: 1, more: true },
      [],
      null,
    ])("that are malformed are refused and make nothing: %j", async (body) => {
      const before = (
        await world.call<{ deployments: unknown[] }>("GET", "/projects/shop/deployments?limit=1")
      ).body;
      expect(await world.call("POST", "/projects/shop/deployments", body)).toMatchObject({
        status: 400,
        body: { code: "invalid_request", message: expect.any(String) },
      });
      expect((await world.call("GET", "/projects/shop/deployments?limit=1")).body).toEqual(before);
    });

    test("for a ref, a commit and without cache reach the job as they are", async () => {
      const commit = "b".repeat(40);
      const work = await begin({ ref: "refs/heads/feature/x", commit, useCache: false, fork: true });
      expect(work.granted.job).toMatchObject({
        ref: "refs/heads/feature/x",
        commit,
        useCache: false,
        fork: true,
        environment: { name: expect.stringMatching(/^ref-feature-x/), pr: null },
      });
      await work.finish("running");
      const silent = await begin({ ref: "refs/heads/feature/x" });
      expect(silent.granted.job.fork).toBeUndefined();
      await silent.finish("running");
    });

    test("for what is not there are 404, and need a sign-in", async () => {
      for (const [method, path] of [
        ["POST", "/projects/nothing/deployments"],
        ["GET", "/projects/nothing/deployments"],
        ["GET", "/deployments/depnothing"],
        ["GET", "/deployments/depnothing/events"],
        ["GET", "/deployments/depnothing/logs"],
        ["GET", "/environments/envnothing"],
        ["POST", "/environments/envnothing/terminate"],
      ] as const) {
        const body = method === "POST" && path.endsWith("deployments") ? { pr: 1 } : undefined;
        expect(await world.call(method, path, body), path).toMatchObject({
          status: 404,
          body: { code: "not_found" },
        });
        const answer = await fetch(`${world.url}/api/v1${path}`, { method });
        expect(answer.status, path).toBe(401);
      }
    });

    test("are paged from the newest to the oldest", async () => {
      const all = (
        await world.call<{ deployments: Deployment[] }>("GET", "/projects/shop/deployments?limit=200")
      ).body.deployments;
      const found: string[] = [];
      for (let before = ""; ; ) {
        const { body } = await world.call<{ deployments: Deployment[] }>(
          "GET",
          `/projects/shop/deployments?limit=7${before && `&before=${before}`}`,
        );
        found.push(...body.deployments.map(({ id }) => id));
        if (body.deployments.length < 7) break;
        before = found.at(-1)!;
      }
      expect(found).toEqual(all.map(({ id }) => id));
    });

    test("the newest of each environment stands in the list of environments", async () => {
      const first = await begin();
      await first.finish("running");
      await world.deployment(first.deployment, ({ state }) => state === "running");
      const second = await begin({ pr });
      const other = await begin();
      const { body } = await world.call<{ environments: { latest: Deployment }[] }>(
        "GET",
        "/environments?project=shop",
      );
      const latest = body.environments.map(({ latest }) => latest.id);
      expect(latest).toContain(second.deployment);
      expect(latest).toContain(other.deployment);
      expect(latest).not.toContain(first.deployment);
      await second.finish("running");
      await other.finish("running");
    });

    test("are described, all of them", async () => {
      const { body } = await world.call<{ paths: Record<string, Record<string, unknown>> }>(
        "GET",
        "/openapi.json",
      );
      for (const [path, method] of [
        ["/api/v1/projects/{name}/deployments", "post"],
        ["/api/v1/projects/{name}/deployments", "get"],
        ["/api/v1/environments", "get"],
        ["/api/v1/environments/{id}", "get"],
        ["/api/v1/environments/{id}/terminate", "post"],
        ["/api/v1/deployments/{id}", "get"],
        ["/api/v1/deployments/{id}/cancel", "post"],
        ["/api/v1/deployments/{id}/events", "get"],
        ["/api/v1/deployments/{id}/logs", "get"],
        ["/api/v1/agents", "get"],
        ["/api/v1/agents", "post"],
        ["/api/v1/agents/{id}", "delete"],
        ["/api/v1/agents/{id}/rotate", "post"],
        ["/api/v1/agents/bootstrap", "post"],
      ] as const)
        expect(body.paths[path]?.[method], `${method} ${path}`).toBeDefined();
    });
  });

  test("a project with previews cannot be deleted, and one without can", async () => {
    await world.call("POST", "/projects", { name: "gone", url: "https://git.example/gone.git" });
    const { body } = await world.call<Deployment>("POST", "/projects/gone/deployments", { pr: 1 });
    expect(await world.call("DELETE", "/projects/gone")).toMatchObject({
      status: 409,
      body: { code: "conflict" },
    });
    const work = await agent.take();
    await work.finish("failed");
    await world.deployment(body.id, ({ final }) => final);
    expect((await world.call("DELETE", "/projects/gone")).status).toBe(409);
    await terminate(body.environment.id);
    const down = await agent.take();
    await down.finish("terminated");
    await world.deployment(down.deployment, ({ final }) => final);
    expect((await world.call("DELETE", "/projects/gone")).status).toBe(204);
    expect((await world.call("GET", `/deployments/${body.id}`)).status).toBe(404);
    expect(await agent.sync([], [body.environment.id])).toMatchObject({ remove: [body.environment.id] });
  });
});
