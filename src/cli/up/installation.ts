import { connect } from "node:net";
import { join } from "node:path";
import { abortAfter } from "../../errors/index.js";
import { agentsAnswer } from "../api/answers.js";
import type { Api } from "../api/client.js";
import { busImage, busInDocker, removeBusContainer } from "./bus-container.js";
import { type Child, startChild } from "./child.js";
import { engineOf } from "./engine.js";
import { ingressSocket, type Layout, readSecrets } from "./layout.js";
import { endLeftovers, noteEnded, type RunState, readRunState, writeRunState } from "./leftovers.js";
import { nodeOptions } from "./node-options.js";
import { freePort, untilFree } from "./ports.js";
import { enrolAgent, localAgent, signIn } from "./sign-in.js";

export interface InstallationOptions {
  readonly layout: Layout;
  /** Path of a nats-server, 2.9 or newer; `docker` or `docker:IMAGE`: a container of that image. */
  readonly natsServer: string;
  /** Port of the previews' URLs; 0: the last one, else any. */
  readonly port: number;
  readonly env: NodeJS.ProcessEnv;
  /** Script of this command. */
  readonly command: string;
  readonly signal: AbortSignal;
  /** What is being done. */
  readonly say: (text: string) => void;
}

export interface Installation {
  readonly url: string;
  readonly ingressPort: number;
  readonly api: Api;
  /** Resolves when a part has ended by itself, with a sentence. */
  readonly broken: Promise<string>;
  /** Drains the agent, then stops the rest. Containers of previews go on. */
  stop(): Promise<void>;
}

/** Starting includes migrations on a slow disk; the agent asks the engine many things. */
const startMs = 60_000;
/** The image of the bus may have to be fetched first. */
const pullMs = 300_000;
/** What the agent gets to end what it has; its own grace period is shorter. */
const drainMs = 45_000;
const stopMs = 15_000;

type Ports = RunState["ports"];

/**
 * Starts bus, server, agent and ingress on this machine, each in a process of its own and by the same commands that compose runs.
 * Throws the first failure, with everything stopped again. A port that another program takes before they have it is no failure.
 */
export async function startInstallation(options: InstallationOptions): Promise<Installation> {
  const { layout, signal, say } = options;
  const before = readRunState(layout);
  if (before) await endLeftovers(layout, before, signal);
  return await untilFree(
    async () =>
      startOn(
        {
          ingress: await freePort(options.port || (before?.ports.ingress ?? 8000)),
          server: await freePort(before?.ports.server ?? 8001),
          bus: await freePort(before?.ports.bus ?? 8002),
        },
        before,
        options,
      ),
    () => say("another program has taken a port meanwhile: starting again with others"),
  );
}

async function startOn(
  ports: Ports,
  before: RunState | undefined,
  options: InstallationOptions,
): Promise<Installation> {
  const { layout, signal, say } = options;
  const image = busImage(options.natsServer);
  if (image) await removeBusContainer(layout, options.env);
  const children: Child[] = [];
  // A start that fails has moved no preview to its engine.
  let where: Pick<RunState, "engine" | "natsServer"> = {
    ...(before?.engine && { engine: before.engine }),
    ...(before?.natsServer && { natsServer: before.natsServer }),
  };
  const state = (): RunState => ({
    pid: process.pid,
    children: children.map(({ pid }) => pid),
    ports,
    ...where,
  });
  const start = (name: string, command: string, args: readonly string[], env: NodeJS.ProcessEnv) => {
    const logFile = join(layout.logs, `${name}.log`);
    const child = startChild({ name: `the ${name}`, command, args, env, logFile });
    children.push(child);
    writeRunState(layout, state());
    return child;
  };
  const galley = (name: string, args: readonly string[], env: NodeJS.ProcessEnv) =>
    start(name, process.execPath, [...nodeOptions(name), options.command, ...args], {
      ...options.env,
      ...logLevel(options.env),
      ...env,
    });
  const stop = async () => {
    // The agent first: what it still has to say passes the others.
    for (const name of ["the agent", "the ingress", "the server", "the bus"]) {
      const child = children.find((one) => one.name === name);
      await child?.stop(name === "the agent" ? drainMs : stopMs);
    }
    noteEnded(layout, state());
  };
  try {
    const secrets = readSecrets(layout);
    const url = `http://localhost:${ports.server}`;
    const natsUrl = `nats://127.0.0.1:${ports.bus}`;
    say("starting the bus and the server");
    const config = await busConfig(layout, ports.bus, image ? "0.0.0.0" : "127.0.0.1");
    const { command, args } = image
      ? busInDocker(layout, image, ports.bus, config)
      : { command: options.natsServer, args: ["--config", config] };
    const bus = start("bus", command, args, options.env);
    await bus.ready("Server is ready", () => listens(ports.bus), image ? pullMs : startMs, signal);
    const server = galley("server", ["server"], {
      GALLEY_DATA_DIR: layout.server,
      GALLEY_MASTER_KEY: secrets.masterKey,
      GALLEY_HOST: "127.0.0.1",
      GALLEY_PORT: String(ports.server),
      GALLEY_PUBLIC_URL: url,
      GALLEY_NATS_URL: natsUrl,
      GALLEY_INGRESS_PORT: String(ports.ingress),
      GALLEY_ALLOW_LOCAL_REPOSITORIES: "true",
    });
    await server.ready("the server listens", () => answers(`${url}/readyz`), startMs, signal);
    const api = await signIn(layout, url, signal);
    say("starting the agent and the ingress");
    const socket = ingressSocket(layout);
    const enrolled = await enrolAgent(layout, api);
    const agent = galley("agent", ["agent", "run"], {
      GALLEY_CONTROL_PLANE_URL: url,
      GALLEY_NATS_URL: natsUrl,
      GALLEY_AGENT_TOKEN: enrolled.token,
      GALLEY_DATA_DIR: layout.agent,
      GALLEY_HEALTH_PORT: "0",
      GALLEY_ALLOW_LOCAL_REPOSITORIES: "true",
      // Longer than anything should take while a person waits in front of the terminal.
      GALLEY_DRAIN_SECONDS: String(drainMs / 1000 - 5),
      // The ingress says when requests have moved, or else notices at once.
      ...(socket === undefined ? { GALLEY_SWITCH_SECONDS: "3" } : { GALLEY_INGRESS_SOCKET: socket }),
      // Nobody's firewall is changed unasked.
      GALLEY_FIREWALL: options.env.GALLEY_FIREWALL ?? "off",
    });
    const ingress = galley(
      "ingress",
      [
        ...["ingress", "--port", String(ports.ingress), "--waking", `http://127.0.0.1:${ports.server}`],
        // Others on this engine may have previews of the same names.
        ...["--agent", enrolled.id],
      ],
      { GALLEY_INGRESS_SOCKET: socket ?? "" },
    );
    await ingress.ready("the ingress listens", () => listens(ports.ingress), startMs, signal);
    await agent.ready(
      "the agent is ready",
      async () => {
        const { agents } = await api.get("/agents", agentsAnswer);
        return agents.some(({ name, online }) => name === localAgent && online);
      },
      startMs,
      signal,
    );
    where = { engine: engineOf(options.env), natsServer: options.natsServer };
    writeRunState(layout, state());
    const broken = Promise.race(
      children.map((child) =>
        child.ended.then((how) => `${child.name} ended by itself (${how}); see ${layout.logs}.`),
      ),
    );
    return { url, ingressPort: ports.ingress, api, broken, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** They say when they are ready, whatever the user wants to read of them. */
function logLevel({ GALLEY_LOG_LEVEL: level }: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { GALLEY_LOG_LEVEL: level === "debug" || level === "trace" ? level : "info" };
}

/** Writes the configuration of the bus, drawing its keys at the first run. */
async function busConfig(layout: Layout, port: number, host: string): Promise<string> {
  const { initServer, writeBusConfig } = await import("../../server/index.js");
  const { env } = await initServer(layout.server);
  return await writeBusConfig(env.GALLEY_BUS_DIR ?? join(layout.server, "bus"), {
    host,
    port,
    directory: layout.bus,
  });
}

const listens = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const answer = (value: boolean) => {
      socket.destroy();
      resolve(value);
    };
    socket.once("connect", () => answer(true));
    socket.once("error", () => answer(false));
  });

const answers = async (url: string): Promise<boolean> => (await fetch(url, { signal: abortAfter(2000) })).ok;
