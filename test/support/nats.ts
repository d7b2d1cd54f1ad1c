// Real nats-servers for tests: each in a folder of its own, on free ports of the loopback.
import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { script } from "../lab/scripts.js";

export type NatsVersion = "2.9" | "2.10" | "2.15";

/** The path of a nats-server; rejects with a sentence when Debian has that version no more, or cannot be reached. */
export const natsBinary = async (version?: NatsVersion): Promise<string> =>
  (await script("nats.sh", version ? [version] : [])).trim();

/** Those of the versions that can be had here; 2.9 must be. */
export async function natsVersions(): Promise<NatsVersion[]> {
  await natsBinary("2.9");
  const found: NatsVersion[] = ["2.9"];
  for (const version of ["2.10", "2.15"] as const)
    await natsBinary(version).then(
      () => found.push(version),
      (error: Error) => console.log(`without nats-server ${version}: ${error.message}`),
    );
  return found;
}

/** Below the ports that outgoing connections get (32768 and up): nobody takes one while its server is restarted. */
const firstPort = 10_000;
const lastPort = 32_000;

/** Ports of the loopback that were free just now, each once. Ask for all that belong together at once. */
export async function freePorts(count: number): Promise<number[]> {
  const held: Server[] = [];
  try {
    while (held.length < count) {
      const server = await holdPort(firstPort + Math.floor(Math.random() * (lastPort - firstPort)));
      if (server) held.push(server);
    }
    return held.map((server) => (server.address() as AddressInfo).port);
  } finally {
    await Promise.all(held.map((server) => new Promise((closed) => server.close(closed))));
  }
}

const holdPort = (port: number) =>
  new Promise<Server | undefined>((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen(port, "127.0.0.1", () => resolve(server));
  });

export interface NatsServerOptions {
  /** Default: any that is there. */
  version?: NatsVersion;
  /** Text of the configuration, without `port` if the server should choose; gets the folder for its files. */
  config: (place: { port: number; directory: string }) => string | Promise<string>;
  /** Default: a free one. */
  port?: number;
}

export interface NatsServer {
  /** `nats://127.0.0.1:PORT`, the same after a restart. */
  readonly url: string;
  readonly port: number;
  readonly directory: string;
  /** What the server has logged so far. */
  log(): string;
  /** SIGTERM, and waits for the end. */
  stop(): Promise<void>;
  /** SIGKILL, and waits for the end. */
  kill(): Promise<void>;
  /** After `stop` or `kill`: the same server again, with what it has on disk; with other text, changed. */
  start(config?: string): Promise<void>;
  /** Starts it when it is not running: a test that failed while it was away has left it so. */
  up(): Promise<void>;
  /** Stops and removes everything. */
  remove(): Promise<void>;
}

/** Starts a server and resolves when it takes connections. */
export async function startNats(options: NatsServerOptions): Promise<NatsServer> {
  const binary = await natsBinary(options.version);
  const port = options.port ?? (await freePorts(1))[0]!;
  const directory = await mkdtemp(join(tmpdir(), "galley-nats-"));
  const configFile = join(directory, "nats.conf");
  const logFile = join(directory, "nats.log");
  await writeFile(configFile, await options.config({ port, directory }), { mode: 0o600 });
  let child: ChildProcess | undefined;
  let ended: Promise<void> = Promise.resolve();
  const log = () => readFileSync(logFile, "utf8");

  // A test that failed before it could stop the server leaves none behind.
  const endWithUs = () => child?.kill("SIGKILL");
  process.once("exit", endWithUs);
  const end = async (signal: NodeJS.Signals) => {
    child?.kill(signal);
    await ended;
  };
  const start = async (config?: string) => {
    if (config !== undefined) await writeFile(configFile, config, { mode: 0o600 });
    const started = spawn(binary, ["--config", configFile], { stdio: ["ignore", "pipe", "pipe"] });
    const output = createWriteStream(logFile, { flags: "a" });
    started.stdout.pipe(output, { end: false });
    started.stderr.pipe(output, { end: false });
    child = started;
    ended = new Promise((resolve) => {
      started.once("error", () => resolve());
      started.once("close", () => {
        if (child === started) child = undefined;
        output.end(resolve);
      });
    });
    const deadline = Date.now() + 60_000;
    while (!(await greets(port))) {
      if (started.exitCode !== null || Date.now() > deadline) {
        started.kill("SIGKILL");
        await ended;
        throw new Error(`nats-server did not start:\n${log()}`);
      }
      await delay(20);
    }
  };
  await start();
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    directory,
    log,
    start,
    up: async () => {
      if (!child) await start();
    },
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    remove: async () => {
      await end("SIGKILL");
      process.off("exit", endWithUs);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** A server that takes clients sends INFO first. */
function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket: Socket = connect(port, "127.0.0.1");
    const answer = (value: boolean) => {
      socket.destroy();
      resolve(value);
    };
    socket.once("data", (data) => answer(data.toString().startsWith("INFO")));
    socket.once("error", () => answer(false));
    socket.once("close", () => answer(false));
    socket.setTimeout(10_000, () => answer(false));
  });
}
