// A whole server on a real bus and a real database, and agents that speak to it as agents do but build nothing.

import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach } from "vitest";
import { type DeploymentsOptions, deploymentsPart } from "../../src/server/deployments-part.js";
import { createLog } from "../../src/server/http/index.js";
import { parseConfig, type RunningServer } from "../../src/server/index.js";
import { startServerOf } from "../../src/server/start.js";
import { startBus, type TestBus } from "../support/bus.js";
import type { TestDatabases } from "../support/databases.js";
import { firstToken } from "../support/first-user.js";
import { standing } from "../support/standing.js";
import { createTestAgent, type TestAgent } from "./agent.js";

/** Times so short that a test need not wait, and so long that a busy machine does not miss them. */
export const quick: DeploymentsOptions = {
  reconcileMs: 200,
  heartbeatMs: 2000,
  lostMs: 8000,
  goneMs: 8000,
  jobExpiryMs: 3600_000,
  unclaimedMs: 3000,
  forgottenMs: 3000,
  follow: { lookMs: 300, keepAliveMs: 500, stragglersMs: 2000 },
};

export interface Answer<T = Record<string, unknown>> {
  readonly status: number;
  readonly body: T;
}

export interface World {
  readonly bus: TestBus;
  /** What the servers have logged, one JSON a line. */
  readonly logged: string[];
  /** Of the server that was started last. */
  readonly url: string;
  /** As the first user, with a token for everything. */
  call<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<Answer<T>>;
  /** Asks until the answer is as wanted; fails with what it was last. */
  until<T>(path: string, wanted: (body: T) => boolean): Promise<T>;
  /** The same without an HTTP status to look at. */
  deployment(id: string, wanted: (deployment: Deployment) => boolean): Promise<Deployment>;
  deploy(target: object): Promise<Deployment>;
  /** A new agent that has introduced itself, is connected and has sent a heartbeat. */
  agent(name: string, beat?: { slots?: number }): Promise<TestAgent>;
  /** Stops the server as SIGTERM does. */
  stopServer(): Promise<void>;
  startServer(options?: DeploymentsOptions): Promise<void>;
  /** Another server beside it, on the same bus and database; not on the embedded one. Resolves with its URL. */
  startSecond(): Promise<string>;
  /** Revokes the agents that there are, so that the next test has its own alone. */
  dismissAgents(): Promise<void>;
  remove(): Promise<void>;
  readonly token: string;
  /** Sets the servers' clock ahead, and waits until the agent has been heard of by it. */
  advance(agent: TestAgent, ms: number): Promise<void>;
  /** How many milliseconds the servers' clock is ahead. */
  readonly clock: { ahead: number };
}

export interface Deployment {
  readonly id: string;
  readonly state: string;
  readonly final: boolean;
  readonly attempt: number;
  readonly agent: string | null;
  readonly cancelling: string | null;
  readonly commit: string | null;
  readonly url: string | null;
  readonly number: number;
  readonly environment: { readonly id: string; readonly name: string };
  readonly error: { readonly code: string; readonly hint: string | null } | null;
}

export async function startWorld(
  databases: TestDatabases,
  options: DeploymentsOptions = quick,
): Promise<World> {
  const directory = await mkdtemp(join(tmpdir(), "galley-queue-"));
  const bus = await startBus();
  const logged: string[] = [];
  const log = createLog({ level: "debug", destination: { write: (line) => void logged.push(line) } });
  const config = parseConfig({
    GALLEY_MASTER_KEY: randomBytes(32).toString("hex"),
    GALLEY_DATA_DIR: directory,
    GALLEY_NATS_URL: bus.server.url,
    GALLEY_BUS_DIR: bus.keys.directory,
    GALLEY_HOST: "127.0.0.1",
    GALLEY_METRICS_TOKEN: metricsToken,
  });
  const database = await databases.fresh();
  const clock = { ahead: 0 };
  let server: RunningServer | undefined;
  let second: RunningServer | undefined;
  let token = "";
  const agents: TestAgent[] = [];

  const start = async (more: DeploymentsOptions = {}): Promise<RunningServer> => {
    const part = deploymentsPart({ ...options, ...more });
    const started = await startServerOf(
      [part],
      { ...config, database, port: 0 },
      {
        log,
        signal: new AbortController().signal,
        now: () => new Date(Date.now() + clock.ahead),
        limits: { perMinute: 1e6, guessesPerMinute: 1e6, passwordCost: 1024 },
      },
    );
    await eventually(
      async () => {
        const answer = await fetch(`${started.url}/readyz`);
        return answer.status === 200 ? true : undefined;
      },
      async () => `the server is not ready:\n${logged.slice(-20).join("")}`,
    );
    return started;
  };
  const startServer = async (more: DeploymentsOptions = {}) => {
    server = await start(more);
  };
  const call: World["call"] = async (method, path, body) => {
    const answer = await fetch(`${server?.url}/api/v1${path}`, {
      method,
      headers: {
        ...(token === "" ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    });
    const text = await answer.text();
    return { status: answer.status, body: text === "" ? {} : JSON.parse(text) };
  };
  const good = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const answer = await call<T>(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
    return answer.body;
  };
  const until: World["until"] = <T>(path: string, wanted: (body: T) => boolean) => {
    let last: unknown;
    return eventually(
      async () => {
        const { body } = await call<T>("GET", path);
        last = body;
        return wanted(body) ? body : undefined;
      },
      async () => `${path} is still ${JSON.stringify(last)}\n${logged.slice(-15).join("")}`,
    );
  };

  await startServer();
  token = await firstToken(server!.url);
  await good("POST", "/projects", { name: "shop", url: "https://git.example/shop.git" });
  await good("PUT", "/projects/shop/secrets/API_KEY", { value: projectSecret });

  return {
    bus,
    clock,
    logged,
    call,
    until,
    startServer,
    startSecond: async () => {
      second = await start();
      return second.url;
    },
    get url() {
      return server!.url;
    },
    get token() {
      return token;
    },
    deployment: (id, wanted) => until<Deployment>(`/deployments/${id}`, wanted),
    deploy: (target) => good<Deployment>("POST", "/projects/shop/deployments", target),
    agent: async (name, beat) => {
      const { token: bootstrapToken } = await good<{ token: string }>("POST", "/agents", { name });
      const agent = await createTestAgent(bus, { url: server!.url, token: bootstrapToken });
      agents.push(agent);
      agent.beat(beat);
      await until<{ online: boolean }>(`/agents/${agent.id}`, ({ online }) => online);
      return agent;
    },
    advance: async (agent, ms) => {
      // In steps in which no agent is lost: the server may look at the clock before it hears the heartbeat.
      const step = (options.lostMs ?? 30_000) / 2;
      for (let left = ms; left > 0; left -= step) {
        clock.ahead += Math.min(step, left);
        const now = Date.now() + clock.ahead;
        agent.beat();
        await until<{ online: boolean; seenAt: string }>(
          `/agents/${agent.id}`,
          ({ online, seenAt }) => online && Date.parse(seenAt) >= now,
        );
      }
    },
    dismissAgents: async () => {
      for (const agent of agents.splice(0)) {
        await agent.close();
        await call("DELETE", `/agents/${agent.id}`);
      }
    },
    stopServer: async () => {
      await server?.close();
    },
    remove: async () => {
      for (const agent of agents) await agent.close();
      await second?.close();
      await server?.close();
      await bus.remove();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/**
 * A world for each test of a block whose predecessor wanted another one, or failed; else the same one, without its agents. Starting one takes
 * seconds on the embedded database.
 */
export function sharedWorlds(databases: TestDatabases): (more?: DeploymentsOptions) => Promise<World> {
  let world: World | undefined;
  let wanted = "";
  const drop = async () => {
    const gone = world;
    world = undefined;
    await gone?.remove();
  };
  afterEach(async ({ task }) => {
    if (task.result?.state === "fail") await drop();
    else await world?.dismissAgents();
  });
  afterAll(drop);
  return async (more = {}) => {
    const key = JSON.stringify(more);
    if (key !== wanted) await drop();
    wanted = key;
    world ??= await startWorld(databases, { ...quick, ...more });
    return world;
  };
}

/** One world for all tests of a block, with one agent that has room for much; both made anew after a test that has failed. */
export function standingWorld(
  databases: TestDatabases,
  options: DeploymentsOptions,
): () => Promise<{ readonly world: World; readonly agent: TestAgent }> {
  return standing(
    async () => {
      const world = await startWorld(databases, options);
      return { world, agent: await world.agent("one", { slots: 100 }) };
    },
    ({ world }) => world.remove(),
  );
}

export const projectSecret = "very-secret-value-1234";
export const metricsToken = "metrics-token-of-tests";

/** Until it is defined; a minute at most, as a starved machine may need. */
export async function eventually<T>(
  look: () => Promise<T | undefined>,
  tell: () => Promise<string>,
): Promise<T> {
  const end = Date.now() + 60_000;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error(await tell());
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
