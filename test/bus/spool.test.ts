import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { type BusConnection, ensureStreams, openSpool, type Spool } from "../../src/bus/index.js";
import { startBus, type TestAgent, type TestBus, testLog } from "../support/bus.js";
import { natsVersions } from "../support/nats.js";
import { eventsOf, range, seqs, stored } from "./events.js";

const soon = () => AbortSignal.timeout(120_000);

describe.each(await natsVersions())("the spool on nats-server %s", (version) => {
  let bus: TestBus;
  let server: BusConnection;
  let agent: TestAgent;
  let directory: string;
  beforeAll(async () => {
    bus = await startBus(version);
    server = await bus.connectServer();
    agent = await bus.connectAgent("a1");
  });
  afterAll(() => bus.remove());
  const opened: Spool[] = [];
  afterEach(async () => {
    await bus.server.up();
    for (const spool of opened.splice(0)) await spool.close();
  });
  beforeEach(async () => {
    await ensureStreams(server);
    const manager = await server.nats.jetstreamManager();
    await manager.streams.purge("EVENTS");
    await manager.streams.purge("LOGS");
    directory = await mkdtemp(join(tmpdir(), "galley-spool-"));
    return () => rm(directory, { recursive: true, force: true });
  });

  const open = async (maxBytes = 64 * 1024 * 1024): Promise<Spool> => {
    const { connection } = agent;
    const spool = await openSpool({ directory, connection, agent: "a1", maxBytes, log: bus.log });
    opened.push(spool);
    return spool;
  };
  let names = 0;
  const deployment = () => `${version.replace(".", "-")}-d${++names}`;
  const backAgain = () => {
    const back = [agent.connection, server].map((one) =>
      one.connected ? Promise.resolve() : new Promise<void>((resolve) => one.on("back", resolve)),
    );
    return Promise.all(back);
  };

  test("events arrive in order and once, log lines apart from the rest, and leave nothing on disk", async () => {
    const spool = await open();
    const id = deployment();
    const { log, note, finished } = eventsOf("a1", id);
    for (let line = 0; line < 1_000; line += 1) spool.append(line % 10 === 0 ? note() : log());
    spool.append(finished());
    expect(spool.unsent).toBeGreaterThan(0);
    await spool.sent(soon());
    expect(spool.unsent).toBe(0);
    const events = (await stored(server, "EVENTS")).events;
    const logs = (await stored(server, "LOGS")).events;
    expect(seqs(logs, id)).toEqual(range(1, 1_000).filter((seq) => seq % 10 !== 1));
    expect(seqs(events, id)).toEqual([...range(1, 1_000).filter((seq) => seq % 10 === 1), 1_001]);
    expect(events.at(-1)!.type).toBe("deployment.finished");
    await spool.close();
    expect(await readdir(directory)).toEqual([]);
  });

  test("what is appended while the bus is away, before and after a restart of the agent, arrives once and in order", async () => {
    const id = deployment();
    const { log, note } = eventsOf("a1", id);
    const first = await open();
    for (let line = 0; line < 300; line += 1) first.append(log());
    await first.flush(soon());
    await bus.server.kill();
    for (let line = 0; line < 300; line += 1) first.append(log());
    first.append(note());
    await first.flush(soon());
    expect(first.unsent).toBeGreaterThan(300);
    await first.close();
    const second = await open();
    expect(second.unsent).toBeGreaterThan(300);
    for (let line = 0; line < 300; line += 1) second.append(log());
    await bus.server.start();
    await second.sent(soon());
    await backAgain();
    const logs = await stored(server, "LOGS");
    expect(seqs(logs.events, id)).toEqual(range(1, 901).filter((seq) => seq !== 601));
    expect(new Set(logs.messageIds).size).toBe(logs.messageIds.length);
    expect(seqs((await stored(server, "EVENTS")).events, id)).toEqual([601]);
    await second.close();
  });

  test("nothing is lost and nothing doubled when the bus is killed again and again under load", async () => {
    const spool = await open();
    const ids = [deployment(), deployment(), deployment()];
    const made = ids.map((id) => eventsOf("a1", id));
    let appended = 0;
    const loading = setInterval(() => {
      for (const { log } of made) for (let line = 0; line < 120; line += 1) spool.append(log());
      appended += 120;
    }, 5);
    onTestFinished(() => clearInterval(loading));
    for (let kills = 0; kills < 4; kills += 1) {
      const until = appended + 3_000;
      while (appended < until) await new Promise((resolve) => setTimeout(resolve, 20));
      await bus.server.kill();
      await bus.server.start();
      await backAgain();
    }
    clearInterval(loading);
    await spool.sent(soon());
    const logs = await stored(server, "LOGS");
    expect(new Set(logs.messageIds).size).toBe(logs.messageIds.length);
    for (const id of ids) expect(seqs(logs.events, id)).toEqual(range(1, appended));
    await spool.close();
  });

  test("the end of a deployment is not in the stream before everything else of it", async () => {
    const spool = await open();
    const id = deployment();
    const { log, note, finished } = eventsOf("a1", id);
    const manager = await server.nats.jetstreamManager();
    // Without their stream, log lines cannot be stored.
    await manager.streams.delete("LOGS");
    for (let line = 0; line < 50; line += 1) spool.append(log());
    spool.append(note());
    spool.append(finished());
    await spool.flush(soon());
    const other = deployment();
    spool.append(eventsOf("a1", other).finished());
    for (const signal = soon(); ; ) {
      signal.throwIfAborted();
      const { events } = await stored(server, "EVENTS");
      if (seqs(events, other).length > 0) {
        expect(seqs(events, id)).toEqual([51]);
        break;
      }
    }
    await ensureStreams(server);
    await spool.sent(soon());
    expect(seqs((await stored(server, "EVENTS")).events, id)).toEqual([51, 52]);
    await spool.close();
  });

  test("when there is no room, log lines go first, a note says how many, and the rest is kept until there is none at all", async () => {
    const id = deployment();
    const { log, note, finished } = eventsOf("a1", id);
    await bus.server.stop();
    const spool = await open(1024 * 1024);
    for (let line = 0; line < 8_000; line += 1) spool.append(log());
    const { dropped } = spool;
    expect(dropped).toBeGreaterThan(3_000);
    let kept = 0;
    let error: unknown;
    while (!error && kept < 20_000)
      try {
        spool.append(note("x".repeat(500)));
        kept += 1;
      } catch (thrown) {
        error = thrown;
      }
    expect(error).toMatchObject({ code: "spool_full" });
    expect(kept).toBeGreaterThan(200);
    await spool.flush(soon());
    await bus.server.start();
    await backAgain();
    await spool.sent(soon());
    const lost = spool.dropped;
    spool.append(log());
    spool.append(finished());
    await spool.sent(soon());
    const logs = (await stored(server, "LOGS")).events;
    const arrived = 8_000 - lost;
    expect(logs[arrived]).toMatchObject({
      type: "deployment.note",
      seq: arrived + 1,
      text: expect.stringContaining(String(lost)),
    });
    expect(seqs(logs, id).slice(0, arrived)).toEqual(range(1, arrived));
    expect(seqs((await stored(server, "EVENTS")).events, id)).toHaveLength(kept + 1);
    await spool.close();
  });

  test("an agent that may not publish keeps its events until it may", async () => {
    const other = await bus.connectAgent("other");
    const log = testLog();
    const spool = await openSpool({
      directory,
      connection: other.connection,
      agent: "a1",
      maxBytes: 1024 * 1024,
      log,
    });
    const id = deployment();
    spool.append(eventsOf("a1", id).note());
    await spool.flush(soon());
    await expect(spool.sent(AbortSignal.timeout(1_500))).rejects.toThrow();
    expect(spool.unsent).toBe(1);
    await spool.close();
    expect(log.lines.join()).toContain("does not take events");
    const again = await open();
    await again.sent(soon());
    expect(seqs((await stored(server, "EVENTS")).events, id)).toEqual([1]);
    await again.close();
  });

  test("what the disk does not take is sent from memory, and is safe when the bus has it", async () => {
    const spool = await open();
    await rm(directory, { recursive: true });
    const id = deployment();
    const { log, finished } = eventsOf("a1", id);
    for (let line = 0; line < 250; line += 1) spool.append(log());
    spool.append(finished());
    await spool.flush(soon());
    expect(spool.unsent).toBe(0);
    expect(seqs((await stored(server, "LOGS")).events, id)).toEqual(range(1, 250));
    expect(seqs((await stored(server, "EVENTS")).events, id)).toEqual([251]);
    await spool.close();
  });

  test("what no bus would take is refused at once", async () => {
    const spool = await open();
    const { note, log } = eventsOf("a1", deployment());
    expect(() => spool.append(note("x".repeat(600_000)))).toThrow(
      expect.objectContaining({ code: "bus_message_invalid" }),
    );
    expect(() => spool.append(eventsOf("a1", "d.>").note())).toThrow(
      expect.objectContaining({ code: "bus_message_invalid" }),
    );
    spool.append(log("x".repeat(600_000)));
    expect(spool.dropped).toBe(1);
    await spool.close();
    expect(() => spool.append(note())).toThrow();
  });
});
