import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { beforeEach, describe, expect, test } from "vitest";
import {
  request as askBus,
  noticeReply,
  onCommand,
  type RuntimeReply,
  sendRuntime,
} from "../../src/bus/index.js";
import { awaitedLater } from "../support/awaited-later.js";
import { onEachDatabase } from "../support/databases.js";
import type { TestAgent } from "./agent.js";
import { projectSecret, quick, standingWorld, type World } from "./world.js";

interface Environment {
  readonly id: string;
  readonly state: string;
  readonly desired: string;
  readonly problem: { readonly message: string } | null;
  readonly agent: string;
  readonly lastRequestAt: string;
  readonly pinned: boolean;
  readonly expiresAt: string | null;
  readonly deployments: readonly {
    readonly kind: string;
    readonly state: string;
    readonly requestedBy: string;
  }[];
}

const usage = {
  ...{ service: "web", container: "c", state: "running", health: null, exitCode: null, restarts: 0 },
  ...{ uptimeSeconds: 5, cpuPercent: 1.5, memory: 1024, memoryLimit: 2048, processes: 2 },
};
const hour = 3600_000;
const waking = { lookMs: 50, routeMs: 50 };
let pr = 700;

onEachDatabase((databases) => {
  let world: World;
  let agent: TestAgent;
  /** What the agent has: an environment of which it has nothing would be deployed again. */
  const there = new Set<string>();
  const standing = standingWorld(databases, {
    ...quick,
    ttlMs: 24 * hour,
    idleMs: 0,
    forgottenMs: 1e9,
    unclaimedMs: 1e9,
    // The clock makes leaps, and nobody is lost by them.
    lostMs: 1e12,
    goneMs: 1e12,
    waking,
  });
  beforeEach(async () => {
    const stands = await standing();
    if (stands.world !== world) there.clear();
    ({ world, agent } = stands);
  });

  const running = async (number = ++pr) => {
    const { environment } = await world.deploy({ pr: number });
    await (await agent.take()).finish("running");
    there.add(environment.id);
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
    there.delete(over.id);
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
    there.delete(id);
    expect((await world.call("POST", "/environments/env0000000000000000/pin")).status).toBe(404);
  });

  /** Tells what came of it, as the agent does. */
  const rested = (environment: string, state: "hibernating" | "running", message?: string) =>
    agent.sync([], [...there], {
      rested: [
        { environment, state, error: message ? { code: "container_failed", message, hint: null } : null },
      ],
    });
  const environment = async (id: string) =>
    (await world.call<Environment>("GET", `/environments/${id}`)).body;
  const told = async (id: string) => {
    const { body } = await world.call<{ events: { type: string; detail: string | null }[] }>(
      "GET",
      `/environments/${id}/runtime-events`,
    );
    return body.events;
  };
  const asleep = async () => {
    const { id } = await running();
    await post(id, "hibernate");
    await rested(id, "hibernating");
    return id;
  };

  test("an environment is hibernated and woken by its agent, which is told until it says that it has", async () => {
    const { id } = await running();
    agent.commands.length = 0;
    expect(await post(id, "hibernate")).toMatchObject({ state: "running", desired: "asleep" });
    await expect.poll(() => agent.commands).toContainEqual({ v: 1, type: "sync" });
    for (const _ of [1, 2])
      expect(await agent.sync([], [...there])).toMatchObject({ hibernate: [id], wake: [], remove: [] });
    expect(await rested(id, "hibernating")).toMatchObject({ hibernate: [], wake: [], remove: [] });
    expect(await environment(id)).toMatchObject({ state: "hibernating", desired: "asleep" });
    // Told again, because the answer was lost, it changes nothing.
    await rested(id, "hibernating");
    expect(await post(id, "wake")).toMatchObject({ state: "hibernating", desired: "up" });
    expect(await agent.sync([], [...there])).toMatchObject({ hibernate: [], wake: [id] });
    expect(await rested(id, "running")).toMatchObject({ hibernate: [], wake: [] });
    expect(await environment(id)).toMatchObject({ state: "running", desired: "up" });
    expect((await told(id)).map(({ type }) => type)).toEqual(["woken", "hibernated"]);
  });

  test("what cannot be woken stays asleep with the reason, without the project's secrets, and is not tried again by itself", async () => {
    const id = await asleep();
    await post(id, "wake");
    expect(await rested(id, "running", `web printed ${projectSecret}`)).toMatchObject({ wake: [] });
    const message = "web printed ***";
    expect(await environment(id)).toMatchObject({
      state: "hibernating",
      desired: "asleep",
      problem: { message },
    });
    expect((await told(id))[0]).toMatchObject({ type: "wake_failed", detail: message });
    await post(id, "wake");
    expect(await environment(id)).toMatchObject({ desired: "up", problem: null });
    expect(await agent.sync([], [...there])).toMatchObject({ wake: [id] });
    await rested(id, "running");
  });

  test("a deployment wakes an environment for good, and what is being deployed is not hibernated", async () => {
    const id = await asleep();
    const next = await world.deploy({ pr });
    expect(await agent.sync([], [...there]), "the deployment sees to it").toMatchObject({
      wake: [],
      hibernate: [],
    });
    expect(await world.call("POST", `/environments/${id}/hibernate`)).toMatchObject({ status: 409 });
    await (await agent.take()).finish("running");
    await world.deployment(next.id, ({ final }) => final);
    expect(await environment(id)).toMatchObject({ state: "running", desired: "up" });
    expect(await agent.sync([], [...there])).toMatchObject({ wake: [], hibernate: [] });
  });

  test("another agent's word about it counts for nothing", async () => {
    const { id } = await running();
    await post(id, "hibernate");
    const other = await world.agent("stranger", { slots: 1 });
    await other.sync([], [id], {
      active: [id],
      rested: [{ environment: id, state: "hibernating", error: null }],
    });
    expect(await environment(id)).toMatchObject({ state: "running", agent: agent.id });
    other.hush();
    await rested(id, "hibernating");
  });

  test("an environment that nobody has asked for anything for long is hibernated, one that was asked is not", async () => {
    await world.call("PATCH", "/projects/shop", { life: { idle: "30m" } });
    const [idle, used] = [await running(), await running()];
    // The server has to have heard for as long, too.
    await world.stopServer();
    await world.startServer();
    world.clock.ahead += 20 * 60_000;
    agent.beat();
    await agent.sync([], [...there], { active: [used.id] });
    world.clock.ahead += 11 * 60_000;
    agent.beat();
    await world.until<Environment>(`/environments/${idle.id}`, ({ desired }) => desired === "asleep");
    const { hibernate } = await agent.sync([], [...there]);
    expect(hibernate).toContain(idle.id);
    expect(hibernate).not.toContain(used.id);
    expect(await environment(used.id)).toMatchObject({ desired: "up", state: "running" });
    for (const id of hibernate) await rested(id, "hibernating");
    await world.call("PATCH", "/projects/shop", { life: { idle: null } });
  });

  test("what happens to services is kept, once and for the agent's own environments alone", async () => {
    const { id } = await running();
    const event = (key: string, more: object = {}) => ({
      ...{ key, at: "2026-11-22T17:00:00.000Z", environment: id, deployment: null, service: "web" },
      ...{ type: "out_of_memory", exitCode: 137, restarts: 3 },
      ...more,
    });
    const tell = (of: TestAgent, ...events: object[]) =>
      askBus(of.connection, of.id, "notice", { v: 1, events }, noticeReply);
    await tell(agent, event("a"), event("b", { type: "restarted", exitCode: null }));
    await tell(agent, event("b"), event("c", { environment: "env0unknown" }));
    const other = await world.agent("teller", { slots: 1 });
    await tell(other, event("d"));
    other.hush();
    expect(await told(id)).toMatchObject([
      { type: "restarted", service: "web", exitCode: null },
      { type: "out_of_memory", service: "web", exitCode: 137, restarts: 3, at: "2026-11-22T17:00:00.000Z" },
    ]);
    for (let n = 0; n < 3; n++)
      await tell(
        agent,
        ...Array.from({ length: 100 }, (_, index) => event(`${n}-${index}`, { restarts: n * 100 + index })),
      );
    const { body } = await world.call<{ events: { restarts: number }[] }>(
      "GET",
      `/environments/${id}/runtime-events?limit=200`,
    );
    expect([body.events.length, body.events[0]?.restarts]).toEqual([200, 299]);
  });

  test("what services print and use is asked of the agent, and shown without the project's secrets", async () => {
    const { id } = await running();
    const hearing = await onCommand({
      connection: agent.connection,
      agent: agent.id,
      log: world.bus.log,
      handler: (command) => {
        const say = (reply: object) =>
          sendRuntime(
            agent.connection,
            agent.id,
            (command as { request: string }).request,
            reply as RuntimeReply,
          );
        const line = (text: string) => ({
          service: "web",
          stream: "stdout",
          at: "2026-11-22T17:00:00.000Z",
          text,
        });
        if (command.type === "stats") {
          say({ v: 1, n: 1, type: "stats", services: [usage] });
          say({ v: 1, n: 2, type: "end", error: null });
        } else if (command.type === "logs") {
          say({ v: 1, n: 1, type: "lines", lines: [] });
          say({
            v: 1,
            n: 2,
            type: "lines",
            lines: [line(`key ${projectSecret}`), line(JSON.stringify(command))],
          });
          say({ v: 1, n: 3, type: "end", error: null });
        }
      },
    });
    const logs = await world.call<{ lines: { text: string }[]; clipped: boolean }>(
      "GET",
      `/environments/${id}/runtime-logs?service=web&tail=7&since=2026-11-22T16:00:00Z`,
    );
    expect(logs).toMatchObject({ status: 200, body: { clipped: false } });
    expect(logs.body.lines[0]?.text).toBe("key ***");
    expect(JSON.parse(logs.body.lines[1]?.text ?? "")).toMatchObject({
      ...{ environment: id, service: "web", tail: 7, follow: false },
      since: Date.parse("2026-11-22T16:00:00Z"),
    });
    const streamed = await fetch(`${world.url}/api/v1/environments/${id}/runtime-logs?follow=true`, {
      headers: { accept: "text/event-stream", authorization: `Bearer ${world.token}` },
    });
    const text = await streamed.text();
    expect(text).toContain('"text":"key ***"');
    expect(text.endsWith("event: end\ndata: {}\n\n")).toBe(true);
    expect((await world.call("GET", `/environments/${id}/stats`)).body).toEqual({ services: [usage] });
    hearing.close();
    for (const query of ["since=yesterday", "tail=-1", "tail=10001", "follow=true"])
      expect((await world.call("GET", `/environments/${id}/runtime-logs?${query}`)).status, query).toBe(400);
  });

  test("of an environment without containers, or whose agent is away, nothing can be asked", async () => {
    const { environment } = await world.deploy({ pr: ++pr });
    for (const what of ["runtime-logs", "stats"])
      expect(await world.call("GET", `/environments/${environment.id}/${what}`)).toMatchObject({
        status: 409,
      });
    await (await agent.take()).finish("running");
    there.add(environment.id);
  });

  describe("what is asked of a preview's host", () => {
    const deployed = async (services: string[]) => {
      const number = ++pr;
      const host = (service: string) =>
        `${services.length > 1 ? `${service}.` : ""}pr-${number}-shop.localhost`;
      const hosts = services.map((name) => ({ name, image: "x", url: `http://${host(name)}` }));
      const { environment } = await world.deploy({ pr: number });
      there.add(environment.id);
      await (await agent.take()).finish("running", { url: hosts[0]?.url ?? null, services: hosts });
      await world.until<Environment>(`/environments/${environment.id}`, ({ state }) => state === "running");
      return { id: environment.id, hosts: services.map(host) };
    };
    const html = { accept: "text/html,*/*" };

    test("wakes it: a browser gets a page that looks again, any other request its own address when it is up", async () => {
      const { id, hosts } = await deployed(["web", "api"]);
      await post(id, "hibernate");
      await rested(id, "hibernating");
      const page = await ask(world.url, { host: hosts[0] ?? "", path: "/a?b=c", headers: html });
      expect(page).toMatchObject({ status: 503, headers: { "retry-after": "2" } });
      expect(page.text).toContain("waking up");
      expect(await environment(id)).toMatchObject({ desired: "up", state: "hibernating" });
      const posted = awaitedLater(
        ask(world.url, {
          host: `${hosts[1]}:8000`,
          method: "POST",
          path: "//evil.example/orders?id=1",
          headers: { origin: `http://${hosts[0]}`, "content-type": "application/x-anything" },
          body: "an order",
        }),
      );
      expect(await agent.sync([], [...there])).toMatchObject({ wake: [id] });
      await rested(id, "running");
      expect(await posted).toMatchObject({
        status: 307,
        headers: { location: `http://${hosts[1]}//evil.example/orders?id=1` },
      });
      expect((await ask(world.url, { host: hosts[0] ?? "", headers: html })).text).toContain("nearly there");
    });

    test("reaches nothing of the server itself, whatever the path", async () => {
      for (const path of ["/api/v1/openapi.json", "/healthz", "/metrics", "/-/preview"]) {
        const answer = await ask(world.url, { host: "pr-9999-shop.localhost", path });
        expect(answer, path).toMatchObject({ status: 404 });
        expect(answer.text, path).toContain("No preview here");
      }
      expect((await ask(world.url, { host: "localhost", path: "/-/preview" })).status).toBe(404);
      expect((await ask(world.url, { host: "localhost", path: "/healthz" })).status).toBe(200);
    });

    test("of one that is being built says so, and one that could not be woken is left alone for a while", async () => {
      const { environment: built } = await world.deploy({ pr: ++pr });
      there.add(built.id);
      const work = await agent.take();
      const host = `pr-${pr}-shop.localhost`;
      const services = [{ name: "web", kind: "web", action: "build", image: null, url: `http://${host}` }];
      await work.tell({ type: "deployment.plan", services });
      await world.deployment(
        work.deployment,
        (deployment) => (deployment as unknown as { plan: unknown }).plan !== null,
      );
      expect((await ask(world.url, { host, headers: html })).text).toContain("being built");
      await work.finish("running", {
        url: `http://${host}`,
        services: [{ name: "web", image: "x", url: `http://${host}` }],
      });
      await world.until<Environment>(`/environments/${built.id}`, ({ state }) => state === "running");
      await post(built.id, "hibernate");
      await rested(built.id, "hibernating");
      await post(built.id, "wake");
      await rested(built.id, "running", "no memory");
      world.clock.ahead += 2_000;
      const failed = await ask(world.url, { host, headers: html });
      expect(failed.text).toContain("could not be woken");
      expect(failed.text).not.toContain("no memory");
      expect(await environment(built.id)).toMatchObject({ desired: "asleep" });
      world.clock.ahead += 31_000;
      expect((await ask(world.url, { host, headers: html })).text).toContain("waking up");
      expect(await environment(built.id)).toMatchObject({ desired: "up" });
    });
  });
});

interface Asked {
  readonly host: string;
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** As a proxy passes it on: to the server's address, with the preview's host. */
async function ask(url: string, { host, method = "GET", path = "/", headers = {}, body }: Asked) {
  const { hostname, port } = new URL(url);
  const asked = request({ hostname, port, method, path, headers: { ...headers, host }, agent: false });
  asked.end(body);
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  let text = "";
  for await (const chunk of answer.setEncoding("utf8")) text += chunk;
  return { status: answer.statusCode, headers: answer.headers, text };
}
