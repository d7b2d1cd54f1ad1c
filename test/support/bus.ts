// A real bus for tests: keys, a nats-server that knows nobody but their holders, and connections of server and agents.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type AgentKey,
  type BusConnection,
  type BusConnectionOptions,
  type BusKeys,
  type BusLog,
  connectBus,
  createAgentKey,
  createBusKeys,
  issueAgentCredential,
  serverConfig,
  serverCredential,
  subjects,
  systemCredential,
} from "../../src/bus/index.js";
import type { Certificates } from "./certificates.js";
import { type NatsServer, type NatsVersion, startNats } from "./nats.js";

export interface TestLog extends BusLog {
  /** Everything that was logged, as text. */
  readonly lines: string[];
}

export function testLog(): TestLog {
  const lines: string[] = [];
  const write = (level: string) => (fields: object, message: string) =>
    void lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
  return { lines, debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
}

export interface TestAgent {
  readonly id: string;
  readonly key: AgentKey;
  /** What `credential` of its connection gives; may be replaced. */
  jwt: string;
  readonly connection: BusConnection;
}

export interface TestBus {
  readonly keys: BusKeys;
  readonly server: NatsServer;
  readonly log: TestLog;
  /** A new connection with the server's credential. */
  connectServer(options?: Partial<BusConnectionOptions>): Promise<BusConnection>;
  /** A new connection of the system account. */
  connectSystem(): Promise<BusConnection>;
  /** A new agent with a key and a credential of its own. */
  connectAgent(id: string, options?: { expiresAt?: Date; key?: AgentKey }): Promise<TestAgent>;
  /** Closes every connection that was made here and removes the bus. */
  remove(): Promise<void>;
}

export async function startBus(
  version?: NatsVersion,
  { certificates, ...options }: { maxStoreBytes?: number; certificates?: Certificates } = {},
): Promise<TestBus> {
  const folder = await mkdtemp(join(tmpdir(), "galley-bus-"));
  const keys = await createBusKeys(folder);
  const server = await startNats({
    ...(version ? { version } : {}),
    config: ({ port, directory }) =>
      serverConfig(keys, {
        host: "127.0.0.1",
        port,
        directory,
        ...options,
        ...(certificates ? { tls: certificates } : {}),
      }),
  });
  const bus = certificates
    ? testBus(keys, { ...server, url: server.url.replace("nats:", "tls:") }, undefined, certificates.caFile)
    : testBus(keys, server);
  return {
    ...bus,
    remove: async () => {
      await bus.remove();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The same for servers that were started otherwise, of which `server` is one. */
export function testBus(
  keys: BusKeys,
  server: NatsServer,
  urls: readonly string[] = [server.url],
  caFile?: string,
): TestBus {
  const log = testLog();
  const connections: BusConnection[] = [];
  const open = async (
    options: Pick<BusConnectionOptions, "credential" | "seed" | "inbox" | "name"> &
      Partial<BusConnectionOptions>,
  ) => {
    const connection = await connectBus({
      servers: urls,
      caFile,
      log,
      signal: AbortSignal.timeout(90_000),
      ...options,
    });
    connections.push(connection);
    return connection;
  };
  const own = async (name: string, { jwt, seed }: { jwt: string; seed: string }, more = {}) =>
    open({ credential: () => jwt, seed, inbox: `_INBOX_${name}`, name, ...more });
  return {
    keys,
    server,
    log,
    connectServer: async (options) => own("server", await serverCredential(keys), options),
    connectSystem: async () => own("system", await systemCredential(keys)),
    connectAgent: async (
      id,
      { expiresAt = new Date(Date.now() + 3600_000), key = createAgentKey() } = {},
    ) => {
      const agent = {
        id,
        key,
        jwt: await issueAgentCredential(keys, { agent: id, publicKey: key.publicKey, expiresAt }),
      };
      const connection = await open({
        credential: () => agent.jwt,
        seed: key.seed,
        inbox: subjects.inbox(id),
        name: id,
      });
      return Object.assign(agent, { connection });
    },
    remove: async () => {
      await Promise.all(connections.map((connection) => connection.close()));
      await server.remove();
    },
  };
}
