import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  type BusConnection,
  consumeEvents,
  type EventConsumer,
  ensureStreams,
  type IncomingBatch,
  openSpool,
  type Spool,
  subjects,
} from "../../src/bus/index.js";
import { startBus, type TestAgent, type TestBus, testLog } from "../support/bus.js";
import { natsVersions } from "../support/nats.js";
import { eventsOf, range } from "./events.js";

const soon = () => AbortSignal.timeout(90_000);

describe.each(await natsVersions())("taking events in on nats-server %s", (version) => {
  let bus: TestBus;
  let server: BusConnection;
  let agent: TestAgent;
  let spool: Spool;
  let directory: string;
  let consumer: EventConsumer | undefined;
  let taken: IncomingBatch[];
  let watch: (() => void)[];
  beforeAll(async () => {
    bus = await startBus(version);
    server = await bus.connectServer();
    agent = await bus.connectAgent("a1");
    await ensureStreams(server);
  });
  afterAll(() => bus.remove());
  /** In the name of each deployment: on a second try the bus knows the events of the first one. */
  let tries = 0;
  const named = (name: string) => `${name}-${tries}`;
  beforeEach(async () => {
    tries += 1;
    taken = [];
    watch = [];
    directory = await mkdtemp(join(tmpdir(), "galley-ingest-"));
    const { connection } = agent;
    spool = await openSpool({ directory, connection, agent: "a1", maxBytes: 64 * 1024 * 1024, log: bus.log });
  });
  afterEach(async ({ task }) => {
    await bus.server.up();
    await consumer?.close();
    consumer = undefined;
    await spool.close();
    await rm(directory, { recursive: true, force: true });
    if (task.result?.state !== "fail") return;
    const manager = await server.nats.jetstreamManager();
    for (const stream of ["EVENTS", "LOGS"]) await manager.streams.purge(stream);
  });

  const take = async (batches: readonly IncomingBatch[]) => {
    taken.push(...batches);
    for (const look of watch) look();
  };
  const consume = async (handler = take, more = {}) => {
    consumer = await consumeEvents({ connection: server, log: testLog(), handler, ...more });
    return consumer;
  };
  const numbers = (deployment: string, kind?: "events" | "logs") =>
    taken
      .filter((batch) => batch.deployment === deployment && (!kind || batch.kind === kind))
      .flatMap(({ events }) => events.map(({ seq }) => seq));
  /** Resolves when the handler has been called with what makes it true. */
  const until = (condition: () => boolean) =>
    new Promise<void>((resolve, reject) => {
      const signal = soon();
      signal.addEventListener("abort", () => reject(signal.reason));
      const look = () => {
        if (condition()) resolve();
      };
      watch.push(look);
      look();
    });
  const publish = (subject: string, body: unknown) =>
    server.nats.jetstream().publish(subject, typeof body === "string" ? body : JSON.stringify(body));
  const unacknowledged = async (stream: string) => {
    const manager = await server.nats.jetstreamManager();
    const { num_ack_pending, num_pending } = await manager.consumers.info(stream, "ingest");
    return num_ack_pending + num_pending;
  };
  /** Acknowledgements are sent and not waited for. */
  const allAcknowledged = async () => {
    const signal = soon();
    while ((await unacknowledged("EVENTS")) + (await unacknowledged("LOGS")) > 0) signal.throwIfAborted();
  };

  test("what an agent sends arrives in order, with whose it is", async () => {
    await consume();
    const { log, note, finished } = eventsOf("a1", named("d1"), 2);
    spool.append(note());
    for (let line = 0; line < 500; line += 1) spool.append(log());
    spool.append(finished());
    await until(() => numbers(named("d1")).length === 502);
    expect(numbers(named("d1"), "events")).toEqual([1, 502]);
    expect(numbers(named("d1"), "logs")).toEqual(range(2, 501));
    expect(taken.every((batch) => batch.agent === "a1" && batch.attempt === 2)).toBe(true);
    // The two streams are in order, each for itself.
    expect(taken.filter(({ kind }) => kind === "events").at(-1)!.events[0]!.type).toBe("deployment.finished");
    await allAcknowledged();
  });

  test("what the handler refuses comes again, in the same order, until it takes it", async () => {
    let failures = 3;
    await consume(async (batches) => {
      if (failures > 0) {
        failures -= 1;
        throw new Error("no database");
      }
      await take(batches);
    });
    const { log } = eventsOf("a1", named("d2"));
    for (let line = 0; line < 1_000; line += 1) spool.append(log());
    await until(() => numbers(named("d2")).length === 1_000);
    expect(numbers(named("d2"))).toEqual(range(1, 1_000));
    await allAcknowledged();
  });

  test("one batch that can never be taken in does not keep the others", async () => {
    const consumer = await consume(
      async (batches) => {
        if (batches.some(({ deployment }) => deployment === named("poison")))
          throw new Error("constraint violated");
        await take(batches);
      },
      { mostFailures: 2 },
    );
    spool.append(eventsOf("a1", named("poison")).note());
    const { note } = eventsOf("a1", named("d3"));
    for (let seq = 1; seq <= 30; seq += 1) {
      spool.append(note());
      await until(() => numbers(named("d3")).length === seq);
    }
    expect(consumer.stats.poisonous).toBe(1);
    await allAcknowledged();
  });

  test("what was not taken in before the server ended is taken in by the next", async () => {
    let called: () => void = () => {};
    const handling = new Promise<void>((resolve) => {
      called = resolve;
    });
    await consume(async () => {
      called();
      throw new Error("no database");
    });
    const { note } = eventsOf("a1", named("d4"));
    for (let count = 0; count < 10; count += 1) spool.append(note());
    await handling;
    await consumer!.close();
    await consume();
    await until(() => numbers(named("d4")).length === 10);
    expect(numbers(named("d4"))).toEqual(range(1, 10));
    await allAcknowledged();
  });

  test("nothing is missed when the bus is killed while events flow", async () => {
    await consume();
    const { log } = eventsOf("a1", named("d5"));
    for (let line = 0; line < 2_000; line += 1) spool.append(log());
    await until(() => numbers(named("d5")).length > 0);
    await bus.server.kill();
    for (let line = 0; line < 2_000; line += 1) spool.append(log());
    await bus.server.start();
    const known = () => new Set(numbers(named("d5")));
    await until(() => known().size === 4_000);
    expect([...known()].sort((one, other) => one - other)).toEqual(range(1, 4_000));
  });

  test("what is malformed, oversized or another's is removed and counted, and what follows is taken in", async () => {
    const consumer = await consume();
    const before = consumer.stats.malformed;
    const subject = subjects.events("a1", named("d6"));
    const { note } = eventsOf("a1", named("d6"));
    const other = eventsOf("victim", named("d6")).note();
    const elsewhere = eventsOf("a1", named("d7")).note();
    const [first, second, third] = [note(), note(), note()];
    const bad: unknown[] = [
      "",
      "nonsense",
      "[]",
      { v: 2, events: [first] },
      { v: 1, events: [] },
      { v: 1, events: [null] },
      { v: 1, events: Array.from({ length: 1_001 }, () => first) },
      { v: 1, events: [{ ...first, seq: 0 }] },
      { v: 1, events: [{ ...first, at: "yesterday" }] },
      { v: 1, events: [{ ...first, type: "x".repeat(100) }] },
      { v: 1, events: [first, other] },
      { v: 1, events: [first, elsewhere] },
      { v: 1, events: [second, first] },
      { v: 1, events: [first, first] },
      { v: 1, events: [first, { ...second, attempt: 2 }] },
    ];
    for (const body of bad) await publish(subject, body);
    await publish(subject, { v: 1, events: [first, second, { ...third, more: "from a newer agent" }] });
    await until(() => numbers(named("d6")).length === 3);
    expect(consumer.stats.malformed - before).toBe(bad.length);
    expect(taken.flatMap(({ events }) => events)[2]).toMatchObject({ more: "from a newer agent" });
    await allAcknowledged();
  });

  test("the handler is never called while it runs", async () => {
    let running = 0;
    let most = 0;
    await consume(async (batches) => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running -= 1;
      await take(batches);
    });
    const { log, note } = eventsOf("a1", named("d8"));
    for (let count = 0; count < 3_000; count += 1) spool.append(count % 3 === 0 ? note() : log());
    await until(() => numbers(named("d8")).length === 3_000);
    expect(most).toBe(1);
  });
});
