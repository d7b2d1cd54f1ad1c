import { setTimeout as delay } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { z } from "zod";
import {
  type BusConnection,
  type Heartbeat,
  onCommand,
  onHeartbeat,
  request,
  sendCommand,
  sendHeartbeat,
  serveRpc,
  subjects,
  syncReply,
  syncRequest,
} from "../../src/bus/index.js";
import { GalleyError } from "../../src/errors/index.js";
import { awaitedLater } from "../support/awaited-later.js";
import { startBus, type TestAgent, type TestBus } from "../support/bus.js";
import { natsVersions } from "../support/nats.js";

const nothing = { v: 1, running: [], environments: [], deployments: [], active: [], rested: [] };
const allIsWell = { v: 1, stop: [], remove: [], hibernate: [], wake: [], undo: [] };
const beat: Heartbeat = {
  v: 1,
  at: "2026-11-22T12:00:00.000Z",
  version: "0.1.0",
  draining: false,
  slots: 4,
  running: [],
  engine: null,
  disk: null,
  unsent: 0,
};

describe.each(await natsVersions())("questions and plain messages on nats-server %s", (version) => {
  let bus: TestBus;
  let server: BusConnection;
  let agent: TestAgent;
  let mallory: TestAgent;
  beforeAll(async () => {
    bus = await startBus(version);
    server = await bus.connectServer();
    [agent, mallory] = await Promise.all([bus.connectAgent("a1"), bus.connectAgent("mallory")]);
  });
  afterAll(() => bus.remove());
  // What a test that failed went on serving would answer the next one's questions.
  const serving: { close(): void }[] = [];
  afterEach(async () => {
    for (const one of serving.splice(0)) one.close();
    await bus.server.up();
  });

  const ask = (body: unknown = nothing, more = {}) =>
    request(agent.connection, "a1", "sync", body, syncReply, more);
  const serve = async (
    handler: Parameters<typeof serveRpc<z.infer<typeof syncRequest>>>[0]["handler"],
    more = {},
  ) => {
    const options = { connection: server, verb: "sync", schema: syncRequest, handler, log: bus.log } as const;
    const served = await serveRpc({ ...options, ...more });
    serving.push(served);
    return served;
  };

  test("the server learns who asks, and its answer arrives", async () => {
    const asked: unknown[] = [];
    const served = await serve(async (body, { agent }) => {
      asked.push([agent, body]);
      return { ...allIsWell, remove: ["env1"] };
    });
    expect(
      await ask({ ...nothing, running: [{ deployment: "d1", attempt: 2 }], environments: ["env1"] }),
    ).toEqual({
      ...allIsWell,
      remove: ["env1"],
    });
    expect(asked).toEqual([
      ["a1", { ...nothing, running: [{ deployment: "d1", attempt: 2 }], environments: ["env1"] }],
    ]);
    served.close();
  });

  test("without a server the question fails at once, and says which", async () => {
    await expect(ask()).rejects.toMatchObject({
      code: "control_plane_unreachable",
      message: expect.stringContaining("sync"),
    });
  });

  test("a server that does not answer in time is given up, and told to stop", async () => {
    let aborted: (reason: unknown) => void = () => {};
    const stopped = new Promise((resolve) => {
      aborted = resolve;
    });
    const served = await serve(
      (_, { signal }) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => {
            aborted(undefined);
            reject(signal.reason);
          });
        }),
      { timeoutMs: 400 },
    );
    await expect(ask(nothing, { timeoutMs: 100 })).rejects.toMatchObject({
      code: "control_plane_unreachable",
    });
    await stopped;
    const stop = new AbortController();
    const given = awaitedLater(ask(nothing, { signal: stop.signal }));
    stop.abort(new Error("enough"));
    await expect(given).rejects.toThrow("enough");
    served.close();
  });

  test("what the server refuses arrives with its code, and what breaks in it says nothing", async () => {
    let error: Error = new GalleyError("agent_revoked", "Gone.", { hint: "Ask for a new one." });
    const served = await serve(async () => {
      throw error;
    });
    await expect(ask()).rejects.toMatchObject({
      code: "agent_revoked",
      message: "Gone.",
      hint: "Ask for a new one.",
    });
    error = new Error("password=hunter2");
    const told = await ask().catch((error: unknown) => error);
    expect(told).toMatchObject({ code: "internal" });
    expect(String(told)).not.toContain("hunter2");
    served.close();
  });

  test("malformed, oversized and surplus questions are refused, and the handler does not see them", async () => {
    let seen = 0;
    const served = await serve(async () => {
      seen += 1;
      return allIsWell;
    });
    const { nats } = agent.connection;
    const subject = subjects.rpc("a1", "sync");
    const raw = async (body: string | Uint8Array) =>
      (await nats.request(subject, body, { timeout: 60_000 })).json<{ error: { code: string } }>();
    for (const body of [
      "",
      "{",
      "null",
      '{"v":2}',
      '{"v":1,"running":[{}],"environments":[]}',
      new Uint8Array([0xff]),
    ])
      expect((await raw(body)).error.code).toBe("bus_message_invalid");
    expect((await raw(JSON.stringify({ ...nothing, more: "x".repeat(600_000) }))).error.code).toBe(
      "bus_message_invalid",
    );
    expect(seen).toBe(0);
    expect(await ask()).toEqual(allIsWell);
    served.close();

    let release: (value: unknown) => void = () => {};
    const held = new Promise((resolve) => {
      release = resolve;
    });
    const narrow = await serve(
      async () => {
        await held;
        return allIsWell;
      },
      { concurrency: 1 },
    );
    const first = awaitedLater(ask());
    await agent.connection.nats.flush();
    await expect(ask()).rejects.toMatchObject({ code: "rate_limited" });
    release(undefined);
    expect(await first).toEqual(allIsWell);
    narrow.close();
  });

  test("an answer that is none, or too large for the bus, is an error and no crash", async () => {
    let answer: unknown = { v: 1, stop: "nonsense" };
    const served = await serve(async () => answer);
    await expect(ask()).rejects.toMatchObject({ code: "bus_message_invalid" });
    answer = { ...allIsWell, more: "x".repeat(1_100_000) };
    await expect(ask()).rejects.toMatchObject({
      code: "internal",
      message: expect.stringContaining("large"),
    });
    served.close();
  });

  test("no agent can make the server answer into another agent's subjects", async () => {
    const served = await serve(async () => allIsWell);
    const heard: string[] = [];
    const stolen = [
      subjects.command("a1"),
      subjects.events("a1", "d1"),
      `${subjects.inbox("a1")}.x`,
      "$JS.API.INFO",
    ];
    for (const subject of stolen)
      server.nats.subscribe(subject, { callback: (_, message) => void heard.push(message.subject) });
    await server.nats.flush();
    for (const reply of stolen)
      mallory.connection.nats.publish(subjects.rpc("mallory", "sync"), JSON.stringify(nothing), { reply });
    await mallory.connection.nats.flush();
    // Answered after them, on the same subscription.
    await request(mallory.connection, "mallory", "sync", nothing, syncReply);
    await server.nats.flush();
    expect(heard).toEqual([]);
    served.close();
  });

  test("heartbeats arrive with whose they are, and malformed, oversized and foreign ones are dropped", async () => {
    const heard: [string, Heartbeat][] = [];
    const listening = await onHeartbeat({
      connection: server,
      log: bus.log,
      handler: (from, beat) => void heard.push([from, beat]),
    });
    agent.connection.nats.publish(subjects.heartbeat("a1"), "{");
    agent.connection.nats.publish(subjects.heartbeat("a1"), JSON.stringify({ ...beat, slots: -1 }));
    agent.connection.nats.publish(subjects.heartbeat("a1"), JSON.stringify({ ...beat, v: 2 }));
    agent.connection.nats.publish(
      subjects.heartbeat("a1"),
      JSON.stringify({ ...beat, version: "x".repeat(300_000) }),
    );
    // The bus does not let one agent speak for another.
    mallory.connection.nats.publish(subjects.heartbeat("a1"), JSON.stringify(beat));
    await mallory.connection.nats.flush();
    expect(sendHeartbeat(agent.connection, "a1", beat)).toBe(true);
    await agent.connection.nats.flush();
    await server.nats.flush();
    expect(heard).toEqual([["a1", beat]]);
    listening.close();
  });

  test("commands reach the agent they are for", async () => {
    const heard: unknown[] = [];
    let arrived: () => void = () => {};
    const all = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    await onCommand({
      connection: agent.connection,
      agent: "a1",
      log: bus.log,
      handler: (command) => {
        heard.push(command);
        if (command.type === "sync") arrived();
      },
    });
    for (const body of [
      "",
      "{",
      '{"v":1,"type":"explode"}',
      '{"v":2,"type":"sync"}',
      "[1]",
      "x".repeat(300_000),
    ])
      server.nats.publish(subjects.command("a1"), body);
    sendCommand(server, "mallory", { v: 1, type: "sync" });
    sendCommand(server, "a1", { v: 1, type: "cancel", deployment: "d1", reason: "superseded" });
    sendCommand(server, "a1", { v: 1, type: "sync" });
    await all;
    expect(heard).toEqual([
      { v: 1, type: "cancel", deployment: "d1", reason: "superseded" },
      { v: 1, type: "sync" },
    ]);
  });

  test("without a connection a question fails at once, a heartbeat is not kept, and after it all is as before", async () => {
    const served = await serve(async () => {
      await delay(5_000);
      return allIsWell;
    });
    const lost = new Promise<void>((resolve) => agent.connection.on("lost", resolve));
    const failed = awaitedLater(expect(ask()).rejects.toMatchObject({ code: "bus_unreachable" }));
    await agent.connection.nats.flush();
    await bus.server.kill();
    await failed;
    await lost;
    await expect(ask()).rejects.toMatchObject({ code: "bus_unreachable" });
    expect(sendHeartbeat(agent.connection, "a1", beat)).toBe(false);
    served.close();
    const back = Promise.all(
      [agent.connection, server].map((one) => new Promise<void>((resolve) => one.on("back", resolve))),
    );
    await Promise.all([back, bus.server.start()]);
    const after = await serve(async () => allIsWell);
    expect(await ask()).toEqual(allIsWell);
    after.close();
  });
});
