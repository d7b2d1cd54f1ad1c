// A real Postgres for tests: a cluster of its own in a folder of its own, on a free port of the loopback, run by a user who is not root.
import { type ChildProcess, spawn } from "node:child_process";
import { chmod, chown, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { script } from "../lab/scripts.js";
import { freePorts } from "./nats.js";

/** Debian's `nobody`: Postgres refuses to be run by root. */
const nobody = 65534;
const asRoot = process.getuid?.() === 0;

export interface PostgresServer {
  /** Makes an empty database and resolves with its URL. */
  database(): Promise<string>;
  /** Ends the server as a crash would. */
  kill(): Promise<void>;
  /** After `kill`: the same cluster on the same port. */
  start(): Promise<void>;
  /** Stops and removes everything. */
  remove(): Promise<void>;
}

export async function startPostgres(options: { binaries?: string[] } = {}): Promise<PostgresServer> {
  const [bin = "", libraries = ""] = (await script("postgres.sh", options.binaries ?? [])).split("\n");
  const [port = 0] = await freePorts(1);
  const directory = await mkdtemp(join(tmpdir(), "galley-pg-"));
  const data = join(directory, "data");
  await mkdir(data);
  if (asRoot) {
    await chmod(directory, 0o755);
    await chown(data, nobody, nobody);
  }
  const run = (program: string, args: string[]) =>
    spawn(join(bin, program), args, {
      ...(asRoot ? { uid: nobody, gid: nobody } : {}),
      cwd: data,
      env: {
        PATH: "/usr/bin:/bin",
        LC_ALL: "C",
        TZ: "GMT",
        ...(libraries ? { LD_LIBRARY_PATH: libraries } : {}),
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
  let said = "";
  const ended = (child: ChildProcess) =>
    new Promise<number | null>((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr])
        stream?.setEncoding("utf8").on("data", (text: string) => {
          said += text;
        });
      child.once("error", reject).once("close", resolve);
    });
  const made = await ended(
    run("initdb", ["-D", data, "-U", "galley", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]),
  );
  if (made !== 0) throw new Error(`initdb ended with ${made}:\n${said}`);

  const settings = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    port,
    fsync: "off",
    timezone: "GMT",
    log_min_messages: "fatal",
  };
  let server: ChildProcess | undefined;
  let end: Promise<unknown> = Promise.resolve();
  const stop = async (signal: NodeJS.Signals) => {
    server?.kill(signal);
    await end;
  };
  const query = async (text: string) => {
    const client = new pg.Client({ connectionString: `postgres://galley@127.0.0.1:${port}/postgres` });
    await client.connect();
    try {
      await client.query(text);
    } finally {
      await client.end();
    }
  };
  // It listens some time before it takes anybody.
  const answers = () =>
    query("select 1").then(
      () => true,
      () => false,
    );
  const start = async () => {
    const child = run("postgres", [
      "-D",
      data,
      ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    ]);
    server = child;
    end = ended(child).catch(() => {});
    for (const deadline = Date.now() + 60_000; !(await answers()); await delay(30))
      if (child.exitCode !== null || Date.now() > deadline)
        throw new Error(`postgres did not start:\n${said}`);
  };
  await start();
  let count = 0;
  return {
    async database() {
      const name = `galley_${++count}`;
      await query(`create database ${name}`);
      return `postgres://galley@127.0.0.1:${port}/${name}`;
    },
    // SIGQUIT: ends at once, without writing out what is open, as after a crash.
    kill: () => stop("SIGQUIT"),
    start,
    async remove() {
      await stop("SIGINT");
      await rm(directory, { recursive: true, force: true });
    },
  };
}
