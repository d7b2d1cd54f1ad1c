import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import {
  type BusConnection,
  consumeEvents,
  createBusKeys,
  ensureJobConsumer,
  jobConsumer,
  openJobQueue,
  openSpool,
  publishJob,
  revokeAgentKey,
  streams,
} from "../../src/bus/index.js";
import { deploymentsPart } from "../../src/server/deployments-part.js";
import { createLog } from "../../src/server/http/index.js";
import { parseConfig, type RunningServer } from "../../src/server/index.js";
import { startServerOf } from "../../src/server/start.js";
import { awaitedLater } from "../support/awaited-later.js";
import { type TestBus, testBus } from "../support/bus.js";
import { logsOf, startCluster, type TestCluster } from "../support/cluster.js";
import { type NatsServer, natsVersions } from "../support/nats.js";
import { eventsOf, range, seqs, stored } from "./events.js";

const soon = () => AbortSignal.timeout(90_000);

// The newest, which the compose project runs: bringing clusters up takes long, and older ones are tried alone in the other files.
const versions = (await natsVersions()).slice(-1);

/** Longest that a server may take from the cluster's election to its streams: those elect leaders of their own. */
const streamsMs = 240_000;

describe.each(versions)("a cluster of three nats-servers %s", (version) => {
  let folder: string;
  let cluster: TestCluster;
  let bus: TestBus;
  let server: BusConnection;
  let galley: RunningServer;
  /** What /readyz said before any node was started. */
  let atFirst: number;
  const serverLog: string[] = [];
  const ready = async () => (await fetch(`${galley.url}/readyz`)).status;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "galley-cluster-"));
    const keys = await createBusKeys(join(folder, "keys"));
    const log = createLog({ level: "info", destination: { write: (line) => void serverLog.push(line) } });
    // As it is where everything is started together.
    const startServer = async (urls: readonly string[]) => {
      const config = parseConfig({
        GALLEY_MASTER_KEY: randomBytes(32).toString("hex"),
        GALLEY_DATA_DIR: join(folder, "server"),
        GALLEY_HOST: "127.0.0.1",
        GALLEY_NATS_URL: urls.join(","),
        GALLEY_BUS_DIR: keys.directory,
        GALLEY_BUS_REPLICAS: "3",
      });
      const signal = new AbortController().signal;
      galley = await startServerOf([deploymentsPart()], { ...config, port: 0 }, { log, signal });
      atFirst = await ready();
    };
    cluster = await startCluster(keys, version, startServer);
    const deadline = Date.now() + streamsMs;
    while ((await ready()) !== 200) {
      if (Date.now() > deadline)
        throw new Error(
          `There are no streams ${streamsMs / 1000} s after the election.\n${serverLog.join("")}\n${logsOf(cluster.nodes)}`,
        );
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    // It would take in the events of the tests.
    await galley.close();
    bus = testBus(keys, cluster.nodes[0]!, cluster.urls);
    server = await bus.connectServer();
  });
  afterAll(async () => {
    await galley?.close();
    await bus?.remove();
    await cluster?.remove();
    await rm(folder, { recursive: true, force: true });
  });

  test("a server that was started before it keeps asking, and makes its streams once there is a leader", async () => {
    expect(atFirst).toBe(503);
    const manager = await server.nats.jetstreamManager();
    for (const stream of Object.values(streams))
      expect((await manager.streams.info(stream)).config.num_replicas).toBe(3);
  });

  /** Kills the node that leads it, and resolves with the node. */
  const killLeader = async (of: { stream: string } | { consumer: string }) => {
    const manager = await server.nats.jetstreamManager();
    const { cluster: leaderOf } =
      "stream" in of
        ? await manager.streams.info(of.stream)
        : await manager.consumers.info("JOBS", of.consumer);
    const node = cluster.nodes[Number(leaderOf?.leader?.slice(1))]!;
    await node.kill();
    return node;
  };

  let deployments = 0;
  test("events that flow while the leader of their stream dies arrive, each once", async () => {
    const agent = await bus.connectAgent("a1");
    // New ones on a second try: what the first one left is on the bus and on disk.
    deployments += 1;
    const deployment = `d${deployments}`;
    const spool = await openSpool({
      directory: join(folder, `spool-${deployment}`),
      connection: agent.connection,
      agent: "a1",
      maxBytes: 64 * 1024 * 1024,
      log: bus.log,
    });
    const seen = new Set<number>();
    const consumer = await consumeEvents({
      connection: server,
      log: bus.log,
      handler: async (batches) => {
        for (const { events } of batches)
          for (const event of events) if (event.deployment === deployment) seen.add(event.seq);
      },
    });
    const { log, note, finished } = eventsOf("a1", deployment);
    let appended = 0;
    const append = () => {
      for (let line = 0; line < 50; line += 1) spool.append(line === 0 ? note() : log());
      appended += 50;
    };
    const loading = setInterval(append, 20);
    let down: NatsServer | undefined;
    onTestFinished(async () => {
      clearInterval(loading);
      await down?.start();
      await consumer.close();
      await spool.close();
    });
    while (seen.size < 500) await new Promise((resolve) => setTimeout(resolve, 50));
    down = await killLeader({ stream: "LOGS" });
    const before = seen.size;
    while (seen.size < before + 2_000) {
      expect(spool.dropped).toBe(0);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    clearInterval(loading);
    await down.start();
    down = undefined;
    spool.append(finished());
    await spool.sent(soon());
    const logs = await stored(server, "LOGS");
    const events = await stored(server, "EVENTS");
    const numbers = [...seqs(logs.events, deployment), ...seqs(events.events, deployment)];
    expect(
      numbers.sort((one, other) => one - other),
      bus.log.lines.join("\n"),
    ).toEqual(range(1, appended + 1));
    for (const { messageIds } of [logs, events]) expect(new Set(messageIds).size).toBe(messageIds.length);
    expect(events.events.at(-1)!.type).toBe("deployment.finished");
    const signal = soon();
    while (seen.size < appended + 1) {
      signal.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });

  let waiting = 0;
  test("a waiting agent gets its job though the leader of its consumer dies", async () => {
    waiting += 1;
    const id = `waiting${waiting}`;
    const agent = await bus.connectAgent(id);
    await ensureJobConsumer(server, id, { signal: soon() });
    const queue = openJobQueue({ connection: agent.connection, agent: id, log: bus.log });
    const next = awaitedLater(queue.next(soon()));
    const node = await killLeader({ consumer: jobConsumer(id) });
    onTestFinished(async () => {
      queue.close();
      await node.up();
    });
    const publish = async () => {
      for (;;)
        try {
          return await publishJob(server, id, { v: 1, deployment: "d1", kind: "deploy" });
        } catch (error) {
          if ((error as { code: string }).code !== "bus_unreachable") throw error;
        }
    };
    await publish();
    const job = await next;
    expect(job.message.deployment).toBe("d1");
    expect(await job.ack(soon())).toBe(true);
  });

  test("a revoked agent is cut from whichever node it is connected to", async () => {
    const agents = await Promise.all(["r1", "r2", "r3", "r4"].map((id) => bus.connectAgent(id)));
    const system = await bus.connectSystem();
    const cut = agents.map(
      ({ connection }) => new Promise<void>((resolve) => connection.on("refused", resolve)),
    );
    for (const { key } of agents) await revokeAgentKey(system, bus.keys, key.publicKey);
    await Promise.all(cut);
  });
});
