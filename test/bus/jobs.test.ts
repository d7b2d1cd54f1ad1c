import { setTimeout as delay } from "node:timers/promises";
import { nanos } from "nats";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import {
  type BusConnection,
  deleteJob,
  ensureJobConsumer,
  ensureStreams,
  inspectJobQueue,
  type JobMessage,
  jobConsumer,
  onDeadJob,
  openJobQueue,
  publishJob,
  removeJobConsumer,
  repairJobQueue,
  streams,
  subjects,
} from "../../src/bus/index.js";
import { awaitedLater } from "../support/awaited-later.js";
import { startBus, type TestBus, testLog } from "../support/bus.js";
import { natsVersions } from "../support/nats.js";

const deploy = (deployment: string): JobMessage => ({ v: 1, deployment, kind: "deploy" });
const soon = () => AbortSignal.timeout(90_000);

/** Asks again until it is so; the bus gives no event for it. */
async function until(condition: () => Promise<boolean>): Promise<void> {
  const signal = soon();
  while (!(await condition())) {
    signal.throwIfAborted();
    await delay(20);
  }
}

describe.each(await natsVersions())("jobs on nats-server %s", (version) => {
  let bus: TestBus;
  let server: BusConnection;
  let agents = 0;
  beforeAll(async () => {
    bus = await startBus(version);
    server = await bus.connectServer();
    await ensureStreams(server);
  });
  afterAll(() => bus.remove());
  afterEach(() => bus.server.up());

  const newAgent = async (maxDeliver?: number) => {
    agents += 1;
    const id = `a${agents}`;
    await ensureJobConsumer(server, id, maxDeliver === undefined ? {} : { maxDeliver });
    const { connection } = await bus.connectAgent(id);
    const log = testLog();
    return { id, connection, log, queue: openJobQueue({ connection, agent: id, log }) };
  };

  test("a job reaches its agent, and is gone from the queue when it is acknowledged", async () => {
    const { id, queue } = await newAgent();
    const next = awaitedLater(queue.next(soon()));
    await publishJob(server, id, deploy("d1"));
    const job = await next;
    expect(job.message).toEqual(deploy("d1"));
    expect(job.delivery).toBe(1);
    expect(await inspectJobQueue(server, id)).toMatchObject({
      pending: 0,
      unacknowledged: 1,
      jobs: [{ deployment: "d1", kind: "deploy" }],
    });
    expect(await job.ack()).toBe(true);
    expect(await inspectJobQueue(server, id)).toMatchObject({ jobs: [], unacknowledged: 0 });
  });

  test("the bus is asked for as many jobs as there are calls that wait, and no more", async () => {
    const { id, queue } = await newAgent();
    const waiting = async () => (await inspectJobQueue(server, id))!.waiting;
    for (const name of ["d1", "d2", "d3"]) await publishJob(server, id, deploy(name));
    expect(await waiting()).toBe(0);
    const two = await Promise.all([queue.next(soon()), queue.next(soon())]);
    expect(two.map(({ message }) => message.deployment).sort()).toEqual(["d1", "d2"]);
    expect(await inspectJobQueue(server, id)).toMatchObject({ pending: 1, unacknowledged: 2 });
    await (await queue.next(soon())).ack();
    const stop = new AbortController();
    const given = awaitedLater(queue.next(stop.signal));
    await until(async () => (await waiting()) === 1);
    stop.abort(new Error("drained"));
    await expect(given).rejects.toThrow("drained");
  });

  test("a call that is given up takes no job", async () => {
    const { id, queue } = await newAgent();
    for (let round = 1; round <= 20; round += 1) {
      const stop = new AbortController();
      const given = queue.next(stop.signal).catch(() => undefined);
      if (round % 2 === 0) await until(async () => (await inspectJobQueue(server, id))!.waiting === 1);
      const published = awaitedLater(publishJob(server, id, deploy(`d${round}`))); // may cross the abort
      stop.abort();
      const job = (await given) ?? (await queue.next(soon()));
      expect(job.message.deployment).toBe(`d${round}`);
      await published;
      await job.ack();
    }
    expect(await inspectJobQueue(server, id)).toMatchObject({ jobs: [], pending: 0, unacknowledged: 0 });
  });

  test("what is handed back comes again, counted", async () => {
    const { id, queue } = await newAgent();
    await publishJob(server, id, deploy("d1"));
    (await queue.next(soon())).nak(0);
    const again = await queue.next(soon());
    again.nak(300);
    const third = await queue.next(soon());
    expect([again.delivery, third.delivery]).toEqual([2, 3]);
    await third.ack();
  });

  test("what an agent leaves lying is delivered again, and what it works on is not", async () => {
    const { id, queue } = await newAgent();
    const manager = await server.nats.jetstreamManager();
    await manager.consumers.update(streams.jobs, jobConsumer(id), { ack_wait: nanos(2_500) });
    await publishJob(server, id, deploy("d1"));
    const first = await queue.next(soon());
    const working = setInterval(first.working, 300);
    onTestFinished(() => clearInterval(working));
    const given = queue.next(AbortSignal.timeout(4_000)).catch(() => undefined);
    expect(await given).toBeUndefined();
    clearInterval(working);
    const second = await queue.next(soon());
    expect(second.delivery).toBe(2);
    // A late acknowledgement of the first delivery counts: claims, not acknowledgements, decide who works.
    expect(await first.ack()).toBe(true);
    expect((await inspectJobQueue(server, id))!.jobs).toEqual([]);
  });

  test("the end of all deliveries is told to the server, which then removes the job", async () => {
    const { id, queue } = await newAgent(2);
    let heard: (job: unknown) => void = () => {};
    const dead = new Promise((resolve) => {
      heard = resolve;
    });
    const listening = await onDeadJob({
      connection: server,
      log: bus.log,
      handler: async (job) => heard(job),
    });
    await publishJob(server, id, deploy("d1"));
    (await queue.next(soon())).nak(0);
    (await queue.next(soon())).nak(0);
    const stop = new AbortController();
    const given = queue.next(stop.signal).catch(() => undefined);
    expect(await dead).toEqual({ agent: id, message: deploy("d1"), deliveries: 2 });
    await until(async () => (await inspectJobQueue(server, id))!.jobs.length === 0);
    stop.abort();
    expect(await given).toBeUndefined();
    listening.close();
  });

  test("a queue that has jobs which it does not deliver is repaired", async () => {
    const { id, queue } = await newAgent(1);
    await publishJob(server, id, deploy("d1"));
    expect(await repairJobQueue(server, id)).toBe(false);
    (await queue.next(soon())).nak(0);
    const stop = new AbortController();
    const given = queue.next(stop.signal).catch(() => undefined);
    await until(async () => (await inspectJobQueue(server, id))!.unacknowledged === 0);
    stop.abort();
    await given;
    expect(await repairJobQueue(server, id)).toBe(true);
    const job = await queue.next(soon());
    expect(job.message.deployment).toBe("d1");
    await job.ack();
    expect(await repairJobQueue(server, id)).toBe(false);
  });

  test("what is no job is removed, and the next one is delivered", async () => {
    const { id, queue, log } = await newAgent();
    const bad = [
      "",
      "nonsense",
      "{}",
      '{"v":2,"deployment":"d1","kind":"deploy"}',
      '{"v":1,"deployment":"d.>","kind":"deploy"}',
      "x".repeat(60_000),
    ];
    for (const body of bad) await server.nats.jetstream().publish(subjects.jobs(id), body);
    await publishJob(server, id, deploy("d1"));
    const job = await queue.next(soon());
    expect(job.message.deployment).toBe("d1");
    await job.ack();
    expect((await inspectJobQueue(server, id))!.jobs).toEqual([]);
    expect(log.lines.filter((line) => line.includes("is no job"))).toHaveLength(bad.length);
  });

  test("a job can be taken back, once, and an agent's whole queue be removed", async () => {
    const { id } = await newAgent();
    const { sequence } = await publishJob(server, id, deploy("d1"));
    await publishJob(server, id, deploy("d2"));
    expect(await deleteJob(server, sequence)).toBe(true);
    expect(await deleteJob(server, sequence)).toBe(false);
    expect((await inspectJobQueue(server, id))!.jobs.map(({ deployment }) => deployment)).toEqual(["d2"]);
    await removeJobConsumer(server, id);
    expect(await inspectJobQueue(server, id)).toBeUndefined();
    await ensureJobConsumer(server, id);
    expect((await inspectJobQueue(server, id))!.jobs).toEqual([]);
    await removeJobConsumer(server, id);
    await removeJobConsumer(server, id);
  });

  test("an agent that waits gets its consumer and its job later", async () => {
    agents += 1;
    const id = `early${agents}`;
    const { connection } = await bus.connectAgent(id);
    const queue = openJobQueue({ connection, agent: id, log: testLog() });
    const next = awaitedLater(queue.next(soon()));
    await publishJob(server, id, deploy("d1"));
    await ensureJobConsumer(server, id);
    await (await next).ack();
  });

  test("a waiting agent gets what is published after the bus was killed and started again", async () => {
    const { id, queue } = await newAgent();
    const next = awaitedLater(queue.next(soon()));
    await until(async () => (await inspectJobQueue(server, id))!.waiting === 1);
    await bus.server.kill();
    const published = awaitedLater(publishJob(server, id, deploy("d1")));
    await bus.server.start();
    await published;
    const job = await next;
    expect(job.message.deployment).toBe("d1");
    expect(await job.ack()).toBe(true);
  });

  test("streams and consumers that are there are changed in place, with what is in them", async () => {
    const { id, queue } = await newAgent();
    await publishJob(server, id, deploy("d1"));
    await ensureStreams(server, {
      jobs: { maxBytes: 8_000_000 },
      events: { maxBytes: 9_000_000, maxAgeMs: 3_600_000 },
      logs: { maxBytes: 10_000_000, maxAgeMs: 60_000 },
    });
    await ensureJobConsumer(server, id, { maxDeliver: 7 });
    const manager = await server.nats.jetstreamManager();
    const configs = await Promise.all(
      Object.values(streams).map(async (name) => (await manager.streams.info(name)).config),
    );
    expect(configs.map(({ max_bytes }) => max_bytes)).toEqual([8_000_000, 9_000_000, 10_000_000]);
    expect(configs.map(({ max_age }) => max_age)).toEqual([0, nanos(3_600_000), nanos(60_000)]);
    expect((await manager.consumers.info(streams.jobs, jobConsumer(id))).config.max_deliver).toBe(7);
    await (await queue.next(soon())).ack();
    await ensureStreams(server);
  });
});

test("limits that the bus has no room for are refused with its words", async () => {
  const bus = await startBus("2.9");
  onTestFinished(() => bus.remove());
  const server = await bus.connectServer();
  const tooMuch = ensureStreams(server, { events: { maxBytes: 2 ** 52, maxAgeMs: 1_000 } });
  await expect(tooMuch).rejects.toMatchObject({
    code: "bus_refused",
    message: expect.stringContaining("EVENTS"),
  });
});

test.each(await natsVersions())(
  "a bus %s with little room gets smaller streams, and keeps them",
  async (version) => {
    const bus = await startBus(version, { maxStoreBytes: 600 * 1024 * 1024 });
    onTestFinished(() => bus.remove());
    const server = await bus.connectServer();
    const sizes = async () => {
      const manager = await server.nats.jetstreamManager();
      const infos = await Promise.all(Object.values(streams).map((name) => manager.streams.info(name)));
      return infos.map(({ config }) => config.max_bytes / 1024 / 1024);
    };
    await ensureStreams(server);
    const first = await sizes();
    expect(first.slice(0, 2)).toEqual([64, 512]);
    expect(first[2]).toBeGreaterThanOrEqual(16);
    await ensureStreams(server);
    expect(await sizes()).toEqual(first);
    await bus.remove();
  },
);
