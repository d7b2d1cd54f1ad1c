// A whole Galley for tests of the agent: a real bus, a real server on the embedded database, a real git server, and agents on an engine
// of the lab, in this process or as one of their own.

import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { parseAgentConfig, type RunningAgent, startAgent } from "../../src/agent/index.js";
import { deploymentsPart } from "../../src/server/deployments-part.js";
import { createLog } from "../../src/server/http/index.js";
import { parseConfig, type RunningServer } from "../../src/server/index.js";
import { startServerOf } from "../../src/server/start.js";
import { poolOf } from "../preview/engine-docker.js";
import { startBus, type TestBus, testLog } from "../support/bus.js";
import type { Certificates } from "../support/certificates.js";
import { emptyPglite } from "../support/databases.js";
import { docker, type LabEngine } from "../support/engines.js";
import { firstToken } from "../support/first-user.js";
import { commitFolder, type GitServer, serveGit } from "../support/git-server.js";

export interface Deployment {
  readonly id: string;
  readonly state: string;
  readonly final: boolean;
  readonly attempt: number;
  /** Id. */
  readonly agent: string | null;
  readonly commit: string | null;
  readonly url: string | null;
  readonly environment: { readonly id: string; readonly name: string };
  readonly error: { readonly code: string; readonly message: string; readonly hint: string | null } | null;
}

export interface StoredEvent {
  readonly type: string;
  readonly seq: number;
  readonly attempt: number;
  readonly service?: string;
  readonly [field: string]: unknown;
}

export interface TestAgent {
  readonly name: string;
  readonly dataDirectory: string;
  readonly env: Record<string, string>;
}

export interface LocalAgent extends RunningAgent {
  readonly log: string[];
  /** Drains and waits for the end. */
  stop(): Promise<void>;
}

export interface AgentProcess {
  readonly child: ChildProcess;
  /** Everything on stdout and stderr so far. */
  output(): string;
  /** Resolves when the output has the text; rejects when the process ends without it. */
  said(text: string): Promise<void>;
  readonly exited: Promise<number | null>;
}

export interface World {
  readonly bus: TestBus;
  readonly engine: LabEngine;
  readonly url: string;
  /** Of this world's project. */
  readonly project: string;
  /** Of the API, for everything. */
  readonly token: string;
  /** Milliseconds by which the server's clock is ahead. */
  readonly clock: { ahead: number };
  call<T>(method: string, path: string, body?: unknown): Promise<T>;
  /**
   * Commits these files, replacing those before, and points the pull request's head at the commit; a branch of the repository, too, unless
   * it is a fork's.
   */
  push(pr: number, files: Record<string, string>, options?: { readonly fork?: boolean }): string;
  /** A new agent, whose name begins with this. */
  agent(kind: string): Promise<TestAgent>;
  start(agent: TestAgent, env?: Record<string, string>): Promise<LocalAgent>;
  spawn(agent: TestAgent, env?: Record<string, string>): AgentProcess;
  deploy(pr: number, options?: object): Promise<Deployment>;
  /** Waits until a deployment is as wanted. */
  until(id: string, wanted: (deployment: Deployment) => boolean): Promise<Deployment>;
  /** Waits until it has ended, whichever way. */
  ended(id: string): Promise<Deployment>;
  events(id: string): Promise<StoredEvent[]>;
  /** Waits until an event of a deployment is as wanted. */
  event(id: string, wanted: (event: StoredEvent) => boolean): Promise<StoredEvent>;
  stopServer(): Promise<void>;
  startServer(): Promise<void>;
  remove(): Promise<void>;
}

const patienceMs = 120_000;

/**
 * @param certificates with them the bus speaks TLS
 * @param reconcileMs milliseconds between two looks of the server at all that there is
 */
export async function startWorld(
  engine: LabEngine,
  { certificates, reconcileMs = 500 }: { certificates?: Certificates; reconcileMs?: number } = {},
): Promise<World> {
  const root = mkdtempSync(join(tmpdir(), "galley-agent-world-"));
  const project = `p${randomBytes(4).toString("hex")}`;
  const repositories = join(root, "git");
  mkdirSync(repositories);
  const git: GitServer = await serveGit(repositories);
  const bus = await startBus(undefined, certificates ? { certificates } : {});
  const logged: string[] = [];
  const log = createLog({ level: "debug", destination: { write: (line) => void logged.push(line) } });
  const config = parseConfig({
    GALLEY_MASTER_KEY: randomBytes(32).toString("hex"),
    GALLEY_DATA_DIR: join(root, "server"),
    GALLEY_NATS_URL: bus.server.url,
    GALLEY_BUS_DIR: bus.keys.directory,
    ...(certificates ? { GALLEY_NATS_CA: certificates.caFile } : {}),
    GALLEY_HOST: "127.0.0.1",
  });
  cpSync(await emptyPglite(), join(root, "server", "db"), { recursive: true });
  let server: RunningServer | undefined;
  const clock = { ahead: 0 };
  let token = "";
  let port = 0;
  const locals: LocalAgent[] = [];
  const children: AgentProcess[] = [];
  const agentIds = new Set<string>();

  const startServer = async () => {
    server = await startServerOf(
      [deploymentsPart({ reconcileMs })],
      { ...config, port },
      {
        log,
        signal: new AbortController().signal,
        now: () => new Date(Date.now() + clock.ahead),
        limits: { perMinute: 1e6, guessesPerMinute: 1e6, passwordCost: 1024 },
      },
    );
    // Agents know its address: it has to be the same after a restart.
    port = Number(new URL(server.url).port);
    await eventually(
      async () => (await fetch(`${server?.url}/readyz`)).status === 200 || undefined,
      "the server is ready",
    );
  };
  const eventually = async <T>(look: () => Promise<T | undefined>, what: string): Promise<T> => {
    const until = Date.now() + patienceMs;
    for (;;) {
      const found = await look().catch(() => undefined);
      if (found !== undefined) return found;
      if (Date.now() > until) {
        const agents = locals.flatMap((one) => one.log.slice(-15)).join("\n");
        const processes = children.map((one) => one.output().slice(-2_000)).join("\n");
        throw new Error(
          `waited in vain until ${what}\n${logged.slice(-10).join("")}\n${agents}\n${processes}`,
        );
      }
      await delay(50);
    }
  };
  const call = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
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
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return (text === "" ? undefined : JSON.parse(text)) as T;
  };
  const events = async (id: string): Promise<StoredEvent[]> => {
    const all: StoredEvent[] = [];
    for (let after = 0; ; ) {
      const page = await call<{ events: { event: StoredEvent }[]; next: number }>(
        "GET",
        `/deployments/${id}/events?after=${after}&limit=500`,
      );
      all.push(...page.events.map(({ event }) => event));
      if (page.events.length === 0) return all;
      after = page.next;
    }
  };
  const until: World["until"] = async (id, wanted) =>
    await eventually(async () => {
      const found = await call<Deployment>("GET", `/deployments/${id}`);
      return wanted(found) ? found : undefined;
    }, `the deployment ${id} is as wanted`);

  await startServer();
  token = await firstToken(server!.url);
  await call("POST", "/projects", { name: project, url: `${git.url}/app.git` });

  return {
    bus,
    engine,
    project,
    token,
    clock,
    call,
    events,
    until,
    startServer,
    get url() {
      return server!.url;
    },
    push(pr, files, options) {
      const folder = mkdtempSync(join(root, "files-"));
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(folder, path)), { recursive: true });
        writeFileSync(join(folder, path), text);
      }
      return commitFolder(folder, join(repositories, "app.git"), `refs/pull/${pr}/head`, options);
    },
    agent: async (kind) => {
      // A test's second try meets what its first one has left.
      const name = `${kind}-${randomBytes(3).toString("hex")}`;
      const { token: bootstrapToken } = await call<{ token: string }>("POST", "/agents", { name });
      const dataDirectory = mkdtempSync(join(root, `agent-${name}-`));
      const pool = poolOf(engine);
      return {
        name,
        dataDirectory,
        env: {
          PATH: engine.path,
          HOME: root,
          DOCKER_HOST: engine.dockerHost,
          DOCKER_CONFIG: engine.dockerConfig,
          GALLEY_CONTROL_PLANE_URL: server!.url,
          GALLEY_NATS_URL: bus.server.url,
          ...(certificates ? { GALLEY_NATS_CA: certificates.caFile } : {}),
          GALLEY_AGENT_TOKEN: bootstrapToken,
          GALLEY_DATA_DIR: dataDirectory,
          GALLEY_HEALTH_PORT: "0",
          GALLEY_SWITCH_SECONDS: "1",
          // One that a failed test leaves in the middle of something is not waited for until that is done.
          GALLEY_DRAIN_SECONDS: "90",
          // The engine's rules are not those of the machine that the test runs on.
          GALLEY_FIREWALL: "off",
          ...(pool ? { GALLEY_PREVIEW_POOL: pool } : {}),
        },
      };
    },
    start: async (agent, env = {}) => {
      const { lines, ...log } = testLog();
      const ending = new AbortController();
      const all = { ...agent.env, ...env };
      const running = await startAgent(parseAgentConfig(all), { signal: ending.signal, log, env: all });
      agentIds.add(running.id);
      const local = {
        ...running,
        log: lines,
        stop: async () => {
          ending.abort();
          await running.ended;
        },
      };
      locals.push(local);
      return local;
    },
    spawn: (agent, env = {}) => {
      const process = spawnAgent({ ...agent.env, ...env });
      children.push(process);
      void process.said('"agent":"').then(
        () => agentIds.add(/"agent":"([a-z0-9]+)"/.exec(process.output())?.[1] ?? ""),
        () => {},
      );
      return process;
    },
    deploy: (pr, options = {}) => call("POST", `/projects/${project}/deployments`, { pr, ...options }),
    ended: (id) => until(id, ({ final }) => final),
    event: async (id, wanted) =>
      await eventually(async () => (await events(id)).find(wanted), `an event of ${id} is as wanted`),
    stopServer: async () => {
      await server?.close();
    },
    remove: async () => {
      for (const { child, exited } of children) {
        child.kill("SIGKILL");
        await exited;
      }
      for (const local of locals) await local.stop().catch(() => {});
      for (const id of agentIds) await sweep(engine, id);
      await sweepImages(engine, project);
      await server?.close();
      await git.close();
      await bus.remove();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** Everything of an agent on the engine, as the docker command sees it. */
export async function leftOf(engine: LabEngine, agent: string): Promise<string[]> {
  const filter = ["--filter", `label=sh.galley.agent=${agent}`];
  const found = await Promise.all([
    docker(engine, ["ps", "-aq", ...filter]),
    docker(engine, ["network", "ls", "-q", ...filter]),
    docker(engine, ["volume", "ls", "-q", ...filter]),
  ]);
  return found.flatMap((text) => text.split("\n").filter((line) => line !== ""));
}

/** Removes everything of an agent from an engine. */
export async function sweep(engine: LabEngine, agent: string): Promise<void> {
  const filter = ["--filter", `label=sh.galley.agent=${agent}`];
  for (const [list, remove] of [
    [
      ["ps", "-aq"],
      ["rm", "-f", "-v"],
    ],
    [
      ["network", "ls", "-q"],
      ["network", "rm"],
    ],
    [
      ["volume", "ls", "-q"],
      ["volume", "rm"],
    ],
  ] as const) {
    const ids = (await docker(engine, [...list, ...filter])).split("\n").filter((line) => line !== "");
    if (ids.length > 0) await docker(engine, [...remove, ...ids]);
  }
}

async function sweepImages(engine: LabEngine, project: string): Promise<void> {
  const names = await docker(engine, ["images", "--format", "{{.Repository}}:{{.Tag}}", `galley/${project}`]);
  for (const name of names.split("\n")) if (name !== "") await docker(engine, ["rmi", "-f", name]);
}

const folder = fileURLToPath(new URL("../../dist/test-agent/", import.meta.url));
const bundle = join(folder, `agent-${process.pid}.mjs`);

/** Makes the program that `spawn` runs: the agent as a process of its own. */
export async function bundleAgent(): Promise<() => void> {
  await build({
    entryPoints: [fileURLToPath(new URL("agent-process.ts", import.meta.url))],
    outfile: bundle,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    packages: "external",
    logLevel: "error",
  });
  return () => rmSync(bundle, { force: true });
}

/** @param through words of a command before it, such as one that takes rights away */
export function spawnAgent(env: Record<string, string>, through: readonly string[] = []): AgentProcess {
  const [command = process.execPath, ...args] = [
    ...through,
    process.execPath,
    "--enable-source-maps",
    bundle,
  ];
  const child = spawn(command, args, {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const watchers = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
      for (const look of [...watchers]) look();
    });
  }
  const exited = once(child, "close").then(([code]) => code as number | null);
  return {
    child,
    exited,
    output: () => output,
    said: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!output.includes(text)) return;
          watchers.delete(look);
          resolve();
        };
        watchers.add(look);
        look();
        void exited.then(() => reject(new Error(`the agent ended without saying ${text}:\n${output}`)));
      }),
  };
}
