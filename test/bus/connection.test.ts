import { once } from "node:events";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import {
  type BusConnection,
  connectBus,
  createAgentKey,
  createBusKeys,
  issueAgentCredential,
  loadBusKeys,
  revokeAgentKey,
  serverConfig,
  signAsAgent,
  subjects,
  syncRevocations,
  verifyAgentSignature,
} from "../../src/bus/index.js";
import { startBus, type TestBus, testLog } from "../support/bus.js";
import { freePorts, natsVersions } from "../support/nats.js";

/** Resolves at the next event of that name. */
const next = (connection: BusConnection, event: "lost" | "back" | "refused") =>
  new Promise<void>((resolve) => {
    const end = connection.on(event, () => {
      end();
      resolve();
    });
  });

const temporary = async () => {
  const folder = await mkdtemp(join(tmpdir(), "galley-keys-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
};

const inAnHour = () => new Date(Date.now() + 3600_000);

describe.each(await natsVersions())("nats-server %s", (version) => {
  let bus: TestBus;
  beforeAll(async () => {
    bus = await startBus(version);
  });
  afterAll(() => bus.remove());
  afterEach(() => bus.server.up());

  test("a connection says when it is lost and when it is back, and its subscriptions are there again", async () => {
    const connection = await bus.connectServer();
    const heard: string[] = [];
    connection.nats.subscribe("plain", { callback: (_, message) => void heard.push(message.string()) });
    const lost = next(connection, "lost");
    await bus.server.kill();
    await lost;
    expect(connection.connected).toBe(false);
    const back = next(connection, "back");
    await bus.server.start();
    await back;
    expect(connection.connected).toBe(true);
    connection.nats.publish("plain", "hello");
    await connection.nats.flush();
    expect(heard).toEqual(["hello"]);
  });

  test("an agent swaps its credential and stays the one it is", async () => {
    const agent = await bus.connectAgent("swapper");
    agent.jwt = await issueAgentCredential(bus.keys, {
      agent: agent.id,
      publicKey: agent.key.publicKey,
      expiresAt: inAnHour(),
    });
    await agent.connection.swapCredential();
    expect(agent.connection.connected).toBe(true);
    await agent.connection.nats.flush();
  });

  test("swapping to what the bus refuses says so", async () => {
    const agent = await bus.connectAgent("bad-swap");
    const good = agent.jwt;
    agent.jwt = await issueAgentCredential(bus.keys, {
      agent: agent.id,
      publicKey: createAgentKey().publicKey,
      expiresAt: inAnHour(),
    });
    await expect(agent.connection.swapCredential()).rejects.toMatchObject({ code: "bus_refused" });
    const back = next(agent.connection, "back");
    agent.jwt = good;
    await back;
  });

  test("at the end of its credential a connection is cut, and it comes back with a newer one", async () => {
    const agent = await bus.connectAgent("expiring", { expiresAt: new Date(Date.now() + 4_000) });
    await next(agent.connection, "refused");
    const back = next(agent.connection, "back");
    agent.jwt = await issueAgentCredential(bus.keys, {
      agent: agent.id,
      publicKey: agent.key.publicKey,
      expiresAt: inAnHour(),
    });
    await back;
  });

  test("revoking keys one after the other cuts their live connections, and nobody else's", async () => {
    const [one, two, other] = await Promise.all(["r1", "r2", "r3"].map((id) => bus.connectAgent(id)));
    const system = await bus.connectSystem();
    const cut = [next(one!.connection, "refused"), next(two!.connection, "refused")];
    await Promise.all([
      revokeAgentKey(system, bus.keys, one!.key.publicKey),
      revokeAgentKey(system, bus.keys, two!.key.publicKey),
    ]);
    await Promise.all(cut);
    expect(other!.connection.connected).toBe(true);
    await other!.connection.nats.flush();
  });

  test("a revoked key stays out when the bus starts again, also when the bus has lost its files", async () => {
    const agent = await bus.connectAgent("gone");
    const system = await bus.connectSystem();
    const cut = next(agent.connection, "refused");
    await revokeAgentKey(system, bus.keys, agent.key.publicKey);
    await cut;
    await agent.connection.close();
    const knock = async () =>
      connectBus({
        servers: bus.server.url,
        credential: () => agent.jwt,
        seed: agent.key.seed,
        inbox: subjects.inbox(agent.id),
        name: agent.id,
        log: testLog(),
        signal: AbortSignal.timeout(90_000),
      });
    let back = next(system, "back");
    await bus.server.kill();
    await bus.server.start();
    await expect(knock()).rejects.toMatchObject({ code: "bus_refused" });
    await back;

    await bus.server.stop();
    await rm(join(bus.server.directory, "accounts"), { recursive: true });
    back = next(system, "back");
    await bus.server.start();
    await back;
    // The configuration was written before the revocation, so now it is forgotten until the server tells it again.
    await syncRevocations(system, await loadBusKeys(bus.keys.directory));
    await expect(knock()).rejects.toMatchObject({ code: "bus_refused" });
  });

  test("keys of another bus are refused", async () => {
    const other = await createBusKeys(await temporary());
    const key = createAgentKey();
    const jwt = await issueAgentCredential(other, {
      agent: "a1",
      publicKey: key.publicKey,
      expiresAt: inAnHour(),
    });
    const log = testLog();
    const failed = connectBus({
      servers: bus.server.url,
      credential: () => jwt,
      seed: key.seed,
      inbox: subjects.inbox("a1"),
      name: "a1",
      log,
      signal: AbortSignal.timeout(90_000),
    });
    const error = await failed.catch((error: unknown) => error as Error);
    expect(error).toMatchObject({ code: "bus_refused" });
    for (const text of [String(error), JSON.stringify(error), ...log.lines]) {
      expect(text).not.toContain(key.seed);
      expect(text).not.toContain(jwt);
    }
  });
});

describe("without a bus", () => {
  const key = createAgentKey();
  const options = (servers: string) => ({
    servers,
    credential: () => "jwt",
    seed: key.seed,
    inbox: "_INBOX_a1",
    name: "a1",
    log: testLog(),
    signal: AbortSignal.timeout(90_000),
    connectTimeoutMs: 700,
  });

  test("the first connection is given up with a sentence that names the address", async () => {
    const [port] = await freePorts(1);
    await expect(connectBus(options(`nats://127.0.0.1:${port}`))).rejects.toMatchObject({
      code: "bus_unreachable",
      message: expect.stringContaining(`127.0.0.1:${port}`),
    });
  });

  test("a listener that says nothing is given up, too", async () => {
    const silent = createServer(() => {}).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as { port: number };
    await expect(connectBus(options(`nats://127.0.0.1:${port}`))).rejects.toMatchObject({
      code: "bus_unreachable",
    });
    silent.close();
  });

  test("the wait ends with its signal", async () => {
    const [port] = await freePorts(1);
    const stop = new AbortController();
    const failed = connectBus({
      ...options(`nats://127.0.0.1:${port}`),
      connectTimeoutMs: 60_000,
      signal: stop.signal,
    });
    const reason = new Error("enough");
    setTimeout(() => stop.abort(reason), 100);
    await expect(failed).rejects.toBe(reason);
  });

  test.each(["http://127.0.0.1:4222", "nats://user:secret@127.0.0.1:4222", "nonsense", ""])(
    "the address %j is refused without repeating it",
    async (servers) => {
      const error = await connectBus(options(servers)).catch((error: unknown) => error);
      expect(error).toMatchObject({ code: "config_invalid" });
      expect(String(error)).not.toContain("secret");
    },
  );
});

describe("bus keys", () => {
  test("are readable by their owner alone, are the same when loaded, and are never replaced", async () => {
    const folder = join(await temporary(), "bus");
    const made = await createBusKeys(folder);
    const file = join(folder, "bus-keys.json");
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const before = await readFile(file, "utf8");
    await expect(createBusKeys(folder)).rejects.toMatchObject({ code: "config_invalid" });
    expect(await readFile(file, "utf8")).toBe(before);
    const loaded = await loadBusKeys(folder);
    expect(loaded.account.getPublicKey()).toBe(made.account.getPublicKey());
    await writeFile(file, before.slice(0, 200));
    const error = await loadBusKeys(folder).catch((error: unknown) => error);
    expect(error).toMatchObject({ code: "config_invalid" });
    expect(String(error)).not.toContain(before.slice(20, 60));
    await rm(file);
    await expect(loadBusKeys(folder)).rejects.toMatchObject({ code: "config_invalid" });
    const text = await serverConfig(made, { host: "127.0.0.1", port: 4222, directory: '/data/"odd"' });
    expect(text).toContain('store_dir: "/data/\\"odd\\"/jetstream"');
    expect(text).not.toMatch(/\bS[AOU][A-Z2-7]{56}\b/);
  });

  test("a credential is issued to user keys alone, and for 90 days at most", async () => {
    const keys = await createBusKeys(await temporary());
    const issue = (publicKey: string, days: number) =>
      issueAgentCredential(keys, {
        agent: "a1",
        publicKey,
        expiresAt: new Date(Date.now() + days * 86_400_000),
      });
    const { publicKey } = createAgentKey();
    await expect(issue(publicKey, 30)).resolves.toMatch(/^ey/);
    await expect(issue(publicKey, 91)).rejects.toMatchObject({ code: "invalid_request" });
    await expect(issue(publicKey, Number.NaN)).rejects.toMatchObject({ code: "invalid_request" });
    const damaged = `${publicKey.slice(0, -1)}${publicKey.endsWith("A") ? "B" : "A"}`;
    for (const bad of ["", "U", keys.account.getPublicKey(), damaged])
      await expect(issue(bad, 1)).rejects.toMatchObject({ code: "invalid_request" });
  });

  test("an agent signs with its key, and nothing else passes for its signature", () => {
    const key = createAgentKey();
    const signature = signAsAgent(key.seed, "text");
    expect(verifyAgentSignature(key.publicKey, "text", signature)).toBe(true);
    expect(verifyAgentSignature(key.publicKey, "other", signature)).toBe(false);
    expect(verifyAgentSignature(createAgentKey().publicKey, "text", signature)).toBe(false);
    expect(verifyAgentSignature("nonsense", "text", signature)).toBe(false);
    expect(verifyAgentSignature(key.publicKey, "text", "AAAA")).toBe(false);
  });
});
