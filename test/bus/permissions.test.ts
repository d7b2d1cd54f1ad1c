import type { NatsError } from "nats";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  ensureJobConsumer,
  ensureStreams,
  inspectJobQueue,
  jobConsumer,
  openJobQueue,
  publishJob,
  subjects,
} from "../../src/bus/index.js";
import { startBus, type TestAgent, type TestBus } from "../support/bus.js";
import { natsVersions } from "../support/nats.js";

// Everything is tried as the agent `mallory`, whose credential is as good as any; `victim` is another.

describe.each(await natsVersions())("permissions on nats-server %s", (version) => {
  let bus: TestBus;
  let mallory: TestAgent;
  let victim: TestAgent;
  beforeAll(async () => {
    bus = await startBus(version);
    const server = await bus.connectServer();
    await ensureStreams(server);
    await Promise.all(["mallory", "victim"].map((id) => ensureJobConsumer(server, id)));
    [mallory, victim] = await Promise.all([bus.connectAgent("mallory"), bus.connectAgent("victim")]);
  });
  afterAll(() => bus.remove());

  /** What the bus says to a publish of that subject; undefined when it takes it. */
  const refusal = async (subject: string, body = "{}") => {
    const { nats } = mallory.connection;
    const heard = new Promise<string>((resolve) => {
      void (async () => {
        for await (const status of nats.status())
          if (status.permissionContext?.subject === subject) {
            resolve(status.permissionContext.operation);
            return;
          }
      })();
    });
    nats.publish(subject, body, { reply: `${subjects.inbox("mallory")}.x` });
    await nats.flush();
    return Promise.race([heard, new Promise<undefined>((resolve) => setTimeout(resolve, 150, undefined))]);
  };

  test("an agent may publish its own events, logs, heartbeats and questions", async () => {
    for (const subject of [
      subjects.events("mallory", "d1"),
      subjects.logs("mallory", "d1"),
      subjects.heartbeat("mallory"),
      subjects.runtime("mallory", "req1"),
      subjects.rpc("mallory", "claim"),
      subjects.rpc("mallory", "sync"),
      `$JS.API.CONSUMER.INFO.JOBS.${jobConsumer("mallory")}`,
    ])
      expect(await refusal(subject), subject).toBeUndefined();
  });

  test.each([
    subjects.events("victim", "d1"),
    subjects.logs("victim", "d1"),
    subjects.heartbeat("victim"),
    subjects.runtime("victim", "req1"),
    subjects.rpc("victim", "claim"),
    subjects.jobs("victim"),
    subjects.jobs("mallory"),
    subjects.command("victim"),
    subjects.command("mallory"),
    `${subjects.inbox("victim")}.reply`,
    `${subjects.inbox("mallory")}.reply`,
    "_INBOX_server.reply",
    "anything.else",
  ])("an agent may not publish to %s", async (subject) => {
    expect(await refusal(subject)).toBe("publish");
  });

  test.each([
    `$JS.API.CONSUMER.MSG.NEXT.JOBS.${jobConsumer("victim")}`,
    `$JS.API.CONSUMER.INFO.JOBS.${jobConsumer("victim")}`,
    `$JS.API.CONSUMER.CREATE.JOBS.${jobConsumer("mallory")}`,
    "$JS.API.CONSUMER.CREATE.EVENTS",
    `$JS.API.CONSUMER.CREATE.EVENTS.mine.${subjects.events("mallory", "d1")}`,
    `$JS.API.CONSUMER.DURABLE.CREATE.JOBS.${jobConsumer("mallory")}`,
    `$JS.API.CONSUMER.DELETE.JOBS.${jobConsumer("mallory")}`,
    "$JS.API.CONSUMER.NAMES.JOBS",
    "$JS.API.STREAM.CREATE.MINE",
    "$JS.API.STREAM.INFO.EVENTS",
    "$JS.API.STREAM.NAMES",
    "$JS.API.STREAM.MSG.GET.EVENTS",
    "$JS.API.STREAM.MSG.DELETE.JOBS",
    "$JS.API.STREAM.PURGE.JOBS",
    "$JS.API.DIRECT.GET.LOGS",
    "$JS.API.INFO",
    `$JS.ACK.JOBS.${jobConsumer("victim")}.1.1.1.1.0`,
    "$JS.ACK.EVENTS.ingest.1.1.1.1.0",
    "$SYS.REQ.CLAIMS.UPDATE",
    "$SYS.REQ.SERVER.PING",
    "$SYS.REQ.ACCOUNT.PING.CONNZ",
  ])("an agent may not ask %s", async (subject) => {
    expect(await refusal(subject)).toBe("publish");
  });

  test.each([
    ">",
    "*",
    "galley.>",
    "galley.cmd.*",
    subjects.command("victim"),
    subjects.jobs("mallory"),
    subjects.jobs("victim"),
    subjects.events("mallory", "d1"),
    "galley.rpc.>",
    subjects.heartbeat("mallory"),
    `${subjects.inbox("victim")}.>`,
    "_INBOX_*.>",
    "_INBOX.>",
    "_INBOX_server.>",
    "$SYS.>",
    "$JS.>",
    "$JS.EVENT.ADVISORY.>",
  ])("an agent may not listen to %s", async (subject) => {
    const { nats } = mallory.connection;
    const refused = new Promise<NatsError | null>((resolve) => {
      nats.subscribe(subject, { callback: (error) => resolve(error) });
    });
    await nats.flush();
    expect(await refused).toMatchObject({ code: "PERMISSIONS_VIOLATION" });
  });

  test("an agent cannot take a job of another, nor acknowledge one that the other holds", async () => {
    const server = await bus.connectServer();
    await publishJob(server, "victim", { v: 1, deployment: "d1", kind: "deploy" });
    const stop = new AbortController();
    const thief = openJobQueue({ connection: mallory.connection, agent: "victim", log: bus.log });
    const stolen = thief.next(stop.signal).catch(() => undefined);
    const owner = openJobQueue({ connection: victim.connection, agent: "victim", log: bus.log });
    const job = await owner.next(AbortSignal.timeout(10_000));
    expect(job.message.deployment).toBe("d1");
    // The subject on which the victim would acknowledge, up to the time, which mallory does not know, but tries.
    expect(await refusal(`$JS.ACK.JOBS.${jobConsumer("victim")}.1.1.1.1.0`, "+ACK")).toBe("publish");
    expect((await inspectJobQueue(server, "victim"))!.unacknowledged).toBe(1);
    stop.abort();
    expect(await stolen).toBeUndefined();
    await job.ack();
  });

  test("nobody connects without a credential", async () => {
    const { connect } = await import("nats");
    const servers = bus.server.url;
    await expect(connect({ servers, reconnect: false })).rejects.toMatchObject({
      code: "AUTHORIZATION_VIOLATION",
    });
    await expect(connect({ servers, user: "galley", pass: "x", reconnect: false })).rejects.toMatchObject({
      code: "AUTHORIZATION_VIOLATION",
    });
  });
});
