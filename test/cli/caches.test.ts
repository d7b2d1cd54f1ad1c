import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { noticeReply, repoKeyOf, request } from "../../src/bus/index.js";
import type { CacheEvent } from "../../src/events/index.js";
import type { TestAgent } from "../queue/agent.js";
import { projectSecret, quick, startWorld, type World } from "../queue/world.js";
import { damageRepository, keepRepository } from "../support/cache-store.js";
import { answerCaches } from "../support/cached-agent.js";
import { createPerson, embedded, type Person } from "./remote.js";

const databases = embedded();
const dataDirectory = mkdtempSync(join(tmpdir(), "galley-afar-"));
let world: World;
let agent: TestAgent;
let answering: { close(): void };
let person: Person;
let shop = "";
beforeAll(async () => {
  world = await startWorld(databases, { ...quick, forgottenMs: 600_000, unclaimedMs: 600_000 });
  agent = await world.agent("one");
  answering = await answerCaches(agent, world.bus, dataDirectory);
  person = createPerson({ GALLEY_URL: world.url, GALLEY_TOKEN: world.token });
  const project = await world.call<{ url: string }>("GET", "/projects/shop");
  shop = repoKeyOf(project.body.url);
});
afterAll(async () => {
  answering?.close();
  person?.remove();
  await world?.remove();
  databases.remove();
  rmSync(dataDirectory, { recursive: true, force: true });
});

const npm = {
  id: "/root/.npm",
  storedAt: "2026-01-01T00:00:00.000Z",
  directories: [{ path: ".", bytes: 5_000_000, files: 900 }],
};
const build = (id: string, at: string, name = "RUN npm ci") => ({
  ...{ id, at, took: 9_000 },
  steps: [{ name, cached: false, took: 8_000, mounts: ["/root/.npm"] }],
});
const fill = async () => {
  await keepRepository(dataDirectory, shop, {
    mounts: [npm],
    builds: [build("dep1-web", "2026-01-02T00:00:00.000Z"), build("dep2-web", "2026-01-03T00:00:00.000Z")],
  });
  await keepRepository(dataDirectory, "other-1", { mounts: [npm] });
};

test("From afar every command says what it says on the host, word for word, and ends with the same code.", async () => {
  await fill();
  for (const args of [
    ["ls", "--json"],
    ["show", shop],
    ["show", "nothing-1", "--json"],
    ["inspect", shop, "/root/.npm"],
    ["explain", "dep2-web"],
    ["prune", "--older", "7d", "--dry-run", "--json"],
    ["prune", "--older", "soon"],
    ["verify"],
  ]) {
    const [here, afar] = await Promise.all([
      person.run(["cache", ...args, "--data-dir", dataDirectory]),
      person.run(["cache", ...args, "--agent", "one"]),
    ]);
    // It names a time that is a moment later for the one that came last.
    const timeless = (text: string) => text.replace(/(not used since [^T]+T)[\d:.]+Z/g, "$1");
    expect({ ...afar, stdout: timeless(afar.stdout) }, args.join(" ")).toEqual({
      ...here,
      stdout: timeless(here.stdout),
    });
  }
});

test("The only agent of a server need not be named; several, and mixtures with this machine's own, are refused.", async () => {
  expect(await person.good(["cache", "ls", "--server", world.url])).toContain(shop);
  for (const args of [
    ["--agent", "one", "--data-dir", dataDirectory],
    ["--server", world.url, "--data-dir", dataDirectory],
  ])
    expect((await person.run(["cache", "ls", ...args])).code, args.join(" ")).toBe(2);
  expect(await person.run(["cache", "ls", "--agent", "nobody"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("galley agent ls"),
  });
});

test("Where no agent keeps anything on this machine that is said, and how to ask one from afar.", async () => {
  const nowhere = join(dataDirectory, "nowhere");
  const asked = await person.run(["cache", "ls", "--data-dir", nowhere]);
  expect(asked).toMatchObject({ code: 1, stdout: "" });
  expect(asked.stderr).toContain(nowhere);
  expect(asked.stderr).toMatch(new RegExp(`${world.url}.*--agent NAME`));
  expect(await person.run(["cache", "verify", "--data-dir", nowhere])).toMatchObject({ code: 1 });
  expect(await person.good(["cache", "ls", "--data-dir", tmpdir()])).toContain("Nothing is kept");
});

test("What is stored is told beside what the engine holds, and against the budget.", async () => {
  await fill();
  const told = await person.json(["cache", "du", "--agent", "one"]);
  expect(told).toMatchObject({ budget: { all: 20e9, repository: 10e9 }, engine: { total: 0 } });
  expect(await person.good(["cache", "du", "--agent", "one"])).toMatch(/stored/i);
});

test("Reading takes the scope read, dropping the scope admin, and what is dropped is in the audit log.", async () => {
  await fill();
  const path = `/api/v1/agents/${agent.id}/cache`;
  const scoped = await world.call<{ token: string }>("POST", "/tokens", {
    name: `reader-${randomUUID()}`,
    scopes: ["deploy"],
  });
  const as = (token: string | undefined, method: string, below: string, body?: object) =>
    fetch(`${world.url}${path}${below}`, {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body ? { "content-type": "application/json" } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
  const reader = scoped.body.token;
  expect((await as(undefined, "GET", "/repositories")).status).toBe(401);
  expect((await as(reader, "GET", "/repositories")).status).toBe(200);
  for (const [below, body] of [
    ["/prune", { dryRun: true }],
    ["/prune", {}],
    ["/verify", {}],
  ] as const)
    expect((await as(reader, "POST", below, body)).status, below).toBe(403);
  expect((await as(world.token, "POST", "/prune", { repo: "../x" })).status).toBe(400);
  expect((await as(world.token, "POST", "/prune", { kinds: ["image"] })).status).toBe(400);
  const pruned = await as(world.token, "POST", "/prune", { repo: "other-1" });
  expect(await pruned.json()).toMatchObject({ dryRun: false, removed: [{ repo: "other-1" }] });
  const audit = await world.call<{ entries: { action: string; target: string }[] }>("GET", "/audit");
  expect(audit.body.entries.filter(({ action }) => action === "cache.prune")[0]?.target).toBe("one/other-1");
});

test("What an agent says that it has removed is kept once, whatever it is called, and shown to those who may read.", async () => {
  const event = (id: string, what: string): CacheEvent => ({
    ...{ v: 1, id, at: "2026-01-02T03:04:05.678Z", type: "cache.removed", kind: "record", repo: shop },
    ...{ name: "r1", what, scope: "base", why: "all repositories keep more than 5 bytes", freed: 7 },
  });
  const tell = (events: CacheEvent[]) =>
    request(agent.connection, agent.id, "cache-notice", { v: 1, events }, noticeReply, { timeoutMs: 60_000 });
  const [first, second] = [randomUUID(), randomUUID()];
  await tell([event(first, "/root/.npm")]);
  await tell([event(first, "/root/.npm"), event(second, "half\ud800\u0000")]);
  const path = `/agents/${agent.id}/cache/events`;
  const { body } = await world.call<{ events: CacheEvent[] }>("GET", `${path}?limit=2`);
  expect(body.events).toEqual([event(second, "half\ufffd"), event(first, "/root/.npm")]);
  expect((await world.call("GET", "/agents/nobody/cache/events")).status).toBe(404);
});

test("Damage that is found from afar ends with 1, and progress is told to those who follow it.", async () => {
  await fill();
  await damageRepository(dataDirectory, "other-1");
  const { code, stdout } = await person.run(["cache", "verify", "--agent", "one"]);
  expect({ code, stdout }).toMatchObject({ code: 1, stdout: expect.stringContaining("other-1") });
  const streamed = await fetch(`${world.url}/api/v1/agents/${agent.id}/cache/usage`, {
    headers: { authorization: `Bearer ${world.token}`, accept: "text/event-stream" },
  });
  expect(await streamed.text()).toMatch(/^(: still here\n\n)+event: answer\ndata: \{"stored":\d+,.*\}\n\n$/);
});

test("Secrets of the repository's projects, which names of steps may have, are hidden by the server.", async () => {
  await keepRepository(dataDirectory, shop, {
    builds: [
      build("dep3-web", "2026-01-04T00:00:00.000Z", `RUN curl -u ${projectSecret} http://example.org`),
    ],
  });
  const told = await person.good(["cache", "explain", "dep3-web", "--agent", "one", "--json"]);
  expect(told).toContain("RUN curl -u *** http://example.org");
  expect(told).not.toContain(projectSecret);
});

test("An agent that is away, or that does not understand, is said to be so.", async () => {
  answering.close();
  agent.beat();
  await world.until<{ online: boolean }>(`/agents/${agent.id}`, ({ online }) => online);
  const { nats } = agent.connection;
  // It says something that is no answer.
  const sub = nats.subscribe(`galley.cmd.${agent.id}`, {
    callback: (_, message) => {
      const { type, request } = message.json<{ type: string; request: string }>();
      if (type !== "cache") return;
      const tell = (body: object) => nats.publish(`galley.rt.${agent.id}.${request}`, JSON.stringify(body));
      tell({ v: 1, n: 1, type: "piece", text: '[{"repoKey":7}]' });
      tell({ v: 1, n: 2, type: "end", error: null });
    },
  });
  const odd = await person.run(["cache", "ls", "--agent", "one", "--json"]);
  expect(odd).toMatchObject({ code: 1, stderr: expect.stringContaining("bus_message_invalid") });
  sub.unsubscribe();
  agent.hush();
  await world.until<{ online: boolean }>(`/agents/${agent.id}`, ({ online }) => !online);
  const away = await person.run(["cache", "ls", "--agent", "one"]);
  expect(away).toMatchObject({ code: 1, stderr: expect.stringContaining("The agent one is away.") });
});
