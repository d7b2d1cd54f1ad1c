import { type ChildProcess, type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { docker, labEngines } from "../support/engines.js";
import { freePorts, natsBinary } from "../support/nats.js";

const script = fileURLToPath(new URL("../../scripts/up.mjs", import.meta.url));
const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const engine = labEngines().find(({ name }) => name === "28c")!;
let root: string;
let ingress: number;
let up: Up | undefined;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "galley-up-"));
  [ingress = 0] = await freePorts(1);
});
afterEach(async () => {
  for (const remove of pretenders) await remove();
  await up?.stop();
  up = undefined;
  await run(["down", "--data-dir", root]);
  rmSync(root, { recursive: true, force: true });
});

const environment = () => ({
  PATH: engine.path,
  HOME: process.env.HOME,
  DOCKER_HOST: engine.dockerHost,
  DOCKER_CONFIG: engine.dockerConfig,
  GALLEY_LAB_DIR: process.env.GALLEY_LAB_DIR,
  GALLEY_UP_DIR: root,
});

/** What `npm run up` runs, once it has made itself ready. */
class Up {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown[]>;
  stdout = "";
  stderr = "";

  constructor() {
    this.#child = spawn(process.execPath, [script, "--progress", "plain", "--port", String(ingress)], {
      env: environment(),
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#ended = once(this.#child, "close");
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
    });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
  }

  /** The URLs of both previews, when they are there. */
  async urls(): Promise<string[]> {
    const urls = () => this.stdout.trim().split("\n").filter(Boolean);
    const over = this.#ended.then(([code]) => {
      throw new Error(`ended with ${code}:\n${this.stdout}\n${this.stderr}`);
    });
    over.catch(() => {});
    await Promise.race([
      over,
      expect.poll(urls, { timeout: 240_000, interval: 100, message: this.stderr }).toHaveLength(2),
    ]);
    return urls();
  }

  /** As Ctrl-C does; resolves with the exit code. */
  async stop(): Promise<unknown> {
    this.#child.kill("SIGTERM");
    return (await this.#ended)[0];
  }
}

function run(args: readonly string[]): Promise<{ code: unknown; output: string }> {
  return spoken(spawn(process.execPath, [main, ...args], { env: environment(), stdio: "pipe" }));
}

/** What a program that asks nothing says until its end. */
async function spoken(child: ChildProcessWithoutNullStreams): Promise<{ code: unknown; output: string }> {
  child.stdin.end();
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  const [code] = await once(child, "close");
  return { code, output };
}

/** Asks as a browser would: the name in the URL leads to this machine. */
function ask(url: string, path: string, method = "GET"): Promise<{ status: number; body: string }> {
  const { host, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const asked = request({ host: "127.0.0.1", port, path, method, headers: { host } }, (answer) => {
      let body = "";
      answer.setEncoding("utf8").on("data", (text: string) => {
        body += text;
      });
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body }));
    });
    asked.on("error", reject);
    asked.end();
  });
}

/** A container of nobody's that asks for hosts by Traefik's labels, before everybody else. */
async function pretender(...hosts: string[]): Promise<{ remove: () => Promise<unknown> }> {
  const name = `pretender${process.pid}`;
  const labels = {
    "traefik.enable": "true",
    [`traefik.http.routers.${name}.rule`]: hosts.map((host) => `Host(\`${host}\`)`).join(" || "),
    [`traefik.http.routers.${name}.priority`]: "1000000",
    [`traefik.http.services.${name}.loadbalancer.server.port`]: "8080",
  };
  const labelled = Object.entries(labels).flatMap(([key, value]) => ["--label", `${key}=${value}`]);
  const serves = "mkdir /www; echo foreign > /www/index.html; exec httpd -f -p 8080 -h /www";
  await docker(engine, ["run", "-d", "--rm", "--name", name, ...labelled, "busybox", "sh", "-c", serves]);
  const remove = async () => {
    pretenders.delete(remove);
    await docker(engine, ["rm", "-f", name]);
  };
  pretenders.add(remove);
  return { remove };
}
const pretenders = new Set<() => Promise<unknown>>();

/** Ids of what an agent has on the engine. */
const owned = async (agent: string, ...list: string[]) =>
  (await docker(engine, [...list, "--filter", `label=sh.galley.agent=${agent}`]))
    .trim()
    .split("\n")
    .filter(Boolean)
    .sort();

test("two pull requests of the sample become two previews that answer, are found again by the next start, and go away without a trace", {
  timeout: 600_000,
}, async () => {
  // Somebody else's on the same engine asks for hosts of ours.
  const foreign = await pretender("pr-1-shop.localhost", "pr-9-shop.localhost");
  up = new Up();
  const [first = "", second = ""] = await up.urls();
  expect([first, second]).toEqual([
    `http://pr-1-shop.localhost:${ingress}`,
    `http://pr-2-shop.localhost:${ingress}`,
  ]);
  // Each shows its own change, and not the other's.
  const pages = [await ask(first, "/"), await ask(second, "/")];
  expect(pages.map(({ status }) => status)).toEqual([200, 200]);
  expect(pages.map(({ body }) => [/A parrot/.test(body), /open all night/.test(body)])).toEqual([
    [true, false],
    [false, true],
  ]);
  // Each has a database of its own.
  expect(JSON.parse((await ask(first, "/api/visits", "POST")).body)).toEqual({ visits: 1 });
  expect(JSON.parse((await ask(first, "/api/visits", "POST")).body)).toEqual({ visits: 2 });
  expect(JSON.parse((await ask(second, "/api/visits", "POST")).body)).toEqual({ visits: 1 });
  expect((await ask(first.replace("pr-1", "pr-9"), "/")).status).toBe(404);
  await foreign.remove();

  // The secrets of the installation are nobody else's to read, and in no log.
  const secrets = JSON.parse(readFileSync(join(root, "secrets.json"), "utf8"));
  expect(statSync(join(root, "secrets.json")).mode & 0o777).toBe(0o600);
  for (const log of ["server", "agent", "ingress", "bus"]) {
    const text = readFileSync(join(root, "logs", `${log}.log`), "utf8");
    for (const secret of Object.values(secrets))
      if (secret !== secrets.email) expect(text, log).not.toContain(secret);
  }

  const [server] = /http:\/\/localhost:\d+(?= \()/.exec(up.stderr) ?? [];
  const authorization = `Bearer ${secrets.apiToken}`;
  const answer = await fetch(`${server}/api/v1/agents`, { headers: { authorization } });
  const { agents } = (await answer.json()) as { agents: { id: string }[] };
  const agent = agents[0]?.id ?? "";
  const ours = () => owned(agent, "ps", "-aq", "--no-trunc");
  const running = await ours();
  expect(running).toHaveLength(6);
  expect(await up.stop()).toBe(0);
  expect(await ours(), "previews go on").toEqual(running);

  up = new Up();
  expect(await up.urls()).toEqual([first, second]);
  expect(up.stderr).not.toMatch(/built in/);
  expect(await ours(), "nothing was started anew").toEqual(running);
  expect(JSON.parse((await ask(first, "/api/visits", "POST")).body)).toEqual({ visits: 3 });

  // Pasted into a terminal that knows nothing of the engine, while nothing of this Galley runs.
  const [, line = ""] = /^What takes the previews down: (.*)$/m.exec(up.stderr) ?? [];
  expect(await up.stop()).toBe(0);
  const elsewhere = { PATH: process.env.PATH, HOME: root, DOCKER_HOST: "unix:///nonexistent/docker.sock" };
  // A start there comes to nothing, and changes nothing of what the directory knows.
  const again = [main, "up", "--data-dir", root, "--nats-server", await natsBinary()];
  const lost = spawn(process.execPath, again, { env: elsewhere, stdio: "pipe" });
  lost.stderr.on("data", (said) => /starting the agent/.test(String(said)) && lost.kill("SIGTERM"));
  expect((await spoken(lost)).code).toBe(130);
  const pasted = await spoken(spawn("sh", ["-c", line], { cwd: root, env: elsewhere, stdio: "pipe" }));
  expect(pasted, `$ ${line}\n${pasted.output}`).toMatchObject({ code: 0 });
  expect(pasted.output.match(/^shop\/pr-[12] .*$/gm)).toHaveLength(2);
  expect(await ours()).toEqual([]);

  // And while it runs.
  up = new Up();
  expect(await up.urls()).toEqual([first, second]);
  const down = await run(["down", "--data-dir", root]);
  expect(down, down.output).toMatchObject({ code: 0 });
  expect(await ours()).toEqual([]);
  expect((await ask(first, "/")).status).toBe(404);
  expect(await up.stop()).toBe(0);
  up = undefined;
  expect(await owned(agent, "network", "ls", "-q")).toEqual([]);
  expect(await owned(agent, "volume", "ls", "-q")).toEqual([]);
});

test("taking down where nothing was ever brought up says which directory was looked at, and makes none", async () => {
  // Whether or not something else is there.
  for (const directory of [join(root, "never"), root]) {
    const { code, output } = await run(["down", "--data-dir", directory]);
    expect(code).toBe(2);
    expect(output).toContain(`has kept anything in ${directory}.`);
  }
  expect(readdirSync(root)).toEqual([]);
});
