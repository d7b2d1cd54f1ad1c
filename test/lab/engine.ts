// One engine of the lab and its own docker CLI, to look at it from outside. Knows nothing of vitest (the benchmark uses
// it, too) nor of Galley's own client.
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { labDirectory } from "./scripts.js";

/** "c": with the containerd image store. In the order in which they are brought up. */
export const labEngineNames = ["28c", "26", "20", "28"] as const;
export type LabEngineName = (typeof labEngineNames)[number];

export interface LabEngine {
  name: LabEngineName;
  version: 20 | 26 | 28;
  store: "plain" | "containerd";
  /** A `unix://` address, as for DOCKER_HOST. */
  dockerHost: string;
  /** The folder of a docker config without logins, with the buildx plugin. Shared: take `ownDockerConfig` to log in. */
  dockerConfig: string;
  /** It was there before the lab, which has neither set up its registry mirror nor anything else of it. */
  found?: boolean;
  /** A value for PATH that has this engine's docker CLI first. */
  path: string;
}

export interface LabRegistry {
  /** host:port; everyone may push. It mirrors Docker Hub for the lab's engines: push library/NAME to make NAME pullable. */
  open: string;
  /** host:port and the login that it asks for. */
  auth: { host: string; username: string; password: string };
}

/** Where an engine of that name is kept, whether or not it is up. */
export function labEngine(name: LabEngineName): LabEngine {
  const version = Number(name.slice(0, 2)) as LabEngine["version"];
  const unpacked = join(labDirectory(), String(version));
  return {
    name,
    version,
    store: name.endsWith("c") ? "containerd" : "plain",
    dockerHost: `unix://${join(labDirectory(), name, "docker.sock")}`,
    dockerConfig: join(unpacked, "config"),
    path: `${join(unpacked, "root/usr/bin")}:${process.env.PATH ?? ""}`,
  };
}

/** The environment in which docker, buildx or galley talk to that engine. */
export const engineEnv = (engine: LabEngine): NodeJS.ProcessEnv => ({
  ...process.env,
  DOCKER_HOST: engine.dockerHost,
  DOCKER_CONFIG: engine.dockerConfig,
  PATH: engine.path,
});

export interface DockerOptions {
  /** Added to the engine's environment. */
  env?: NodeJS.ProcessEnv;
  /** What the command reads from its standard input. Default: nothing. */
  input?: string | Buffer;
  cwd?: string;
  /** Default: 120,000. */
  timeoutMs?: number;
}

/** Runs the engine's own docker CLI; resolves with its standard output, untrimmed; rejects with what it said. */
export function docker(engine: LabEngine, args: string[], options: DockerOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      "docker",
      args,
      {
        env: { ...engineEnv(engine), ...options.env },
        cwd: options.cwd,
        timeout: options.timeoutMs ?? 120_000,
        maxBuffer: 256 * 1024 * 1024,
      },
      (error, stdout, stderr) => {
        if (error)
          reject(new Error(`docker ${args.join(" ")} on ${engine.name}: ${stderr || error.message}`));
        else resolve(stdout);
      },
    );
    child.stdin?.on("error", () => {}); // the command may end before it has read everything
    child.stdin?.end(options.input ?? "");
  });
}

/** A name for an image, container or volume that no other test or run uses. */
export const labName = (prefix: string): string => `galley-test-${prefix}-${randomBytes(5).toString("hex")}`;

/** Removes an image from the engine; one that is not there is fine. */
export async function purgeImage(engine: LabEngine, reference: string): Promise<void> {
  await docker(engine, ["image", "rm", "--force", reference]).catch((error: Error) => {
    if (!/no such image/i.test(error.message)) throw error;
  });
}

/** A docker config folder of the caller's own with the engine's plugins, for logins. Call `remove` at the end. */
export async function ownDockerConfig(
  engine: LabEngine,
  config: object = {},
): Promise<{ folder: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "galley-docker-config-"));
  await symlink(join(engine.dockerConfig, "cli-plugins"), join(folder, "cli-plugins"));
  await writeFile(join(folder, "config.json"), JSON.stringify(config), { mode: 0o600 });
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}
