import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type BusConnection, ensureStreams, openSpool } from "../../src/bus/index.js";
import { startBus, type TestAgent, type TestBus } from "../support/bus.js";
import { eventsOf, range, seqs, stored } from "./events.js";

let bus: TestBus;
let server: BusConnection;
let agent: TestAgent;
let folder: string;
let program: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "galley-killed-"));
  program = join(folder, "agent.mjs");
  await build({
    entryPoints: [fileURLToPath(new URL("./spooling-agent.ts", import.meta.url))],
    outfile: program,
    bundle: true,
    platform: "node",
    format: "esm",
    banner: {
      js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);',
    },
  });
  bus = await startBus();
  server = await bus.connectServer();
  agent = await bus.connectAgent("a1");
  await ensureStreams(server);
});
/** In what a try names: the stream keeps what an earlier one has sent. */
let tries = 0;
beforeEach(async () => {
  tries += 1;
  await bus.server.up();
});
afterAll(async () => {
  await bus.remove();
  await rm(folder, { recursive: true });
});

/** Runs the program and kills it with SIGKILL when `enough` says so; resolves with what it had flushed by then. */
async function killedAgent(
  deployment: string,
  directory: string,
  on: { ready?: () => Promise<void>; enough: (flushed: number) => boolean },
): Promise<number> {
  const settings = { servers: bus.server.url, jwt: agent.jwt, seed: agent.key.seed, directory, deployment };
  const child: ChildProcess = spawn(process.execPath, [program], {
    env: { ...process.env, SETTINGS: JSON.stringify(settings) },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "close");
  let flushed = 0;
  for await (const line of createInterface({ input: child.stdout! })) {
    if (line === "ready") await on.ready?.();
    else flushed = Number(line);
    if (flushed > 0 && on.enough(flushed)) child.kill("SIGKILL");
  }
  const [, signal] = await ended;
  expect(signal).toBe("SIGKILL");
  return flushed;
}

test("an agent killed with a full spool, while the bus is away, loses nothing that it had flushed", async () => {
  const directory = join(folder, `away${tries}`);
  const deployment = `d${tries}`;
  const flushed = await killedAgent(deployment, directory, {
    ready: () => bus.server.kill(),
    enough: (flushed) => flushed >= 20_000,
  });
  await bus.server.start();
  const spool = await openSpool({
    directory,
    connection: agent.connection,
    agent: "a1",
    maxBytes: 256 * 1024 * 1024,
    log: bus.log,
  });
  expect(spool.unsent).toBeGreaterThanOrEqual(20_000);
  await spool.sent(AbortSignal.timeout(120_000));
  const { events, messageIds } = await stored(server, "LOGS");
  const arrived = seqs(events, deployment);
  expect(arrived.length).toBeGreaterThanOrEqual(flushed);
  expect(arrived).toEqual(range(1, arrived.length));
  expect(new Set(messageIds).size).toBe(messageIds.length);
  await spool.close();
  expect(await readdir(directory)).toEqual([]);
});

test("an agent killed again and again while it sends doubles nothing and loses nothing that it had flushed", async () => {
  const directory = join(folder, `sending${tries}`);
  const flushed: Record<string, number> = {};
  const last = `k${tries}-last`;
  for (const deployment of ["k1", "k2", "k3"].map((name) => `${name}-${tries}`))
    flushed[deployment] = await killedAgent(deployment, directory, { enough: (count) => count >= 4_000 });
  const spool = await openSpool({
    directory,
    connection: agent.connection,
    agent: "a1",
    maxBytes: 256 * 1024 * 1024,
    log: bus.log,
  });
  spool.append(eventsOf("a1", last).log());
  await spool.sent(AbortSignal.timeout(120_000));
  const { events, messageIds } = await stored(server, "LOGS");
  for (const [deployment, count] of Object.entries(flushed)) {
    const arrived = seqs(events, deployment);
    expect(arrived.length).toBeGreaterThanOrEqual(count);
    expect(arrived).toEqual(range(1, arrived.length));
  }
  expect(seqs(events, last)).toEqual([1]);
  expect(new Set(messageIds).size).toBe(messageIds.length);
  await spool.close();
});
