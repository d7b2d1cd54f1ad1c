// The compose project as people install it, on an engine of the lab: images from the Dockerfile, and an override that has the local ingress
// in the proxy's place, without TLS.
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { engineEnv, type LabEngine } from "../lab/engine.js";
import { script } from "../lab/scripts.js";
import { poolOf } from "../preview/engine-docker.js";

const root = fileURLToPath(new URL("../../", import.meta.url));

export const host = "galley.test";
export const domain = "previews.test";

export interface Answer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

export interface ComposeProject {
  /** Of the only port that is published, on 127.0.0.1. */
  readonly port: number;
  /** Runs `docker compose ARGS` and resolves with its output; `env` goes before .env. */
  compose(args: readonly string[], options?: { project?: string; env?: NodeJS.ProcessEnv }): Promise<string>;
  /** Sets a variable in .env. */
  set(name: string, value: string): void;
  /** Asks whatever is published, as a browser would that resolves the name. */
  ask(
    host: string,
    path: string,
    options?: { method?: string; body?: unknown; headers?: object },
  ): Promise<Answer>;
  remove(): void;
}

export async function composeProject(engine: LabEngine, name: string, port: number): Promise<ComposeProject> {
  const folder = mkdtempSync(join(tmpdir(), "galley-compose-"));
  const plugins = join(folder, "docker", "cli-plugins");
  mkdirSync(plugins, { recursive: true });
  symlinkSync((await script("compose.sh", [])).trim(), join(plugins, "docker-compose"));

  const envFile = join(folder, ".env");
  const values: Record<string, string> = {
    GALLEY_HOSTNAME: host,
    GALLEY_PUBLIC_URL: `http://${host}`,
    GALLEY_DOMAIN: domain,
  };
  const secrets = ["GALLEY_MASTER_KEY", "POSTGRES_PASSWORD", "GALLEY_METRICS_TOKEN"];
  for (const secret of secrets) values[secret] = randomBytes(32).toString("hex");
  let env = readFileSync(join(root, ".env.example"), "utf8");
  const set = (variable: string, value: string) => {
    const line = new RegExp(`^${variable}=.*$`, "m");
    if (!line.test(env)) throw new Error(`.env.example has no ${variable}`);
    env = env.replace(line, `${variable}=${value}`);
    writeFileSync(envFile, env, { mode: 0o600 });
  };
  for (const [variable, value] of Object.entries(values)) set(variable, value);

  const socket = `${engine.dockerHost.slice("unix://".length)}:/var/run/docker.sock`;
  const pool = poolOf(engine);
  const override = join(folder, "override.yml");
  writeFileSync(
    override,
    `
services:
  proxy:
    image: galleysh/agent:v1
    command: !override [galley, ingress, --address, 0.0.0.0, --port, "80"]
    healthcheck: !override { disable: true }
    ports: !override ["127.0.0.1:${port}:80"]
    volumes: ["${socket}"]
  bus:
    image: nats:2-alpine
  galley-server:
    environment: { GALLEY_TLS_ENABLED: "false", GALLEY_INGRESS_PORT: "${port}" }
    labels: !override
      traefik.enable: "true"
      traefik.docker.network: galley-public
      traefik.http.routers.galley.rule: Host(\`${host}\`)
      traefik.http.services.galley.loadbalancer.server.port: "8080"
  galley-agent:
    environment:
      GALLEY_TLS_ENABLED: "false"
      GALLEY_SWITCH_SECONDS: "1"
      ${pool === undefined ? "" : `GALLEY_PREVIEW_POOL: ${pool}`}
    volumes: ["${socket}"]
`,
  );

  return {
    port,
    set,
    compose: (args, { project = name, env: own = {} } = {}) =>
      new Promise((resolve, reject) => {
        const files = ["-f", join(root, "docker-compose.yml"), "-f", override, "--env-file", envFile];
        execFile(
          "docker",
          ["compose", "--progress", "plain", "-p", project, ...files, ...args],
          { env: { ...engineEnv(engine), DOCKER_CONFIG: join(folder, "docker"), ...own }, timeout: 180_000 },
          (error, stdout, stderr) => {
            if (error) reject(new Error(`docker compose ${args.join(" ")}: ${stderr || error.message}`));
            else resolve(stdout);
          },
        );
      }),
    ask: async (to, path, { method = "GET", body, headers = {} } = {}) => {
      const outgoing = request({
        host: "127.0.0.1",
        port,
        path,
        method,
        agent: false,
        signal: AbortSignal.timeout(30_000),
        headers: {
          host: to,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...headers,
        },
      });
      outgoing.end(body === undefined ? undefined : JSON.stringify(body));
      return await new Promise((resolve, reject) => {
        outgoing.on("error", reject);
        outgoing.on("response", async (response) => {
          try {
            const { statusCode = 0, headers: answered } = response;
            resolve({ status: statusCode, headers: answered, body: await text(response) });
          } catch (error) {
            reject(error as Error);
          }
        });
      });
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Looks until something is there; what is asked here tells nobody when it has changed. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined>,
  patienceMs = 120_000,
): Promise<T> {
  const until = Date.now() + patienceMs;
  let last: unknown;
  for (;;) {
    try {
      const found = await look();
      if (found !== undefined) return found;
    } catch (error) {
      last = error;
    }
    if (Date.now() > until) throw new Error(`waited in vain until ${what}`, { cause: last });
    await delay(100);
  }
}

/** Runs a script of package.json against an engine; rejects with what it said. */
export const npmRun = (name: string, engine: LabEngine): Promise<string> =>
  new Promise((resolve, reject) => {
    execFile(
      "npm",
      ["run", name],
      { cwd: root, env: engineEnv(engine), timeout: 600_000, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (error) reject(new Error(`npm run ${name}: ${stderr.slice(-4_000)}`, { cause: error }));
        else resolve(stdout);
      },
    );
  });
