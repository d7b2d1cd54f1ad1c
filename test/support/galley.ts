import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { LabEngine } from "./engines.js";

/** The compiled command. */
export const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

export interface GalleyRun {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface GalleyOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string | Buffer | NodeJS.ReadableStream;
  readonly signal?: AbortSignal;
  /** Called with every chunk of stderr as it comes. */
  readonly onStderr?: (chunk: string) => void;
}

/** Runs the compiled `galley` as its user would, against one engine of the lab. */
export function galley(
  engine: LabEngine,
  args: readonly string[],
  options: GalleyOptions = {},
): Promise<GalleyRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...args], {
      cwd: options.cwd,
      env: {
        PATH: engine.path,
        HOME: process.env.HOME,
        DOCKER_HOST: engine.dockerHost,
        DOCKER_CONFIG: engine.dockerConfig,
        ...options.env,
      },
      stdio: ["pipe", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      stdout += chunk;
    });
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      stderr += chunk;
      options.onStderr?.(chunk);
    });
    // A child that ends before it has read all of its input is its own affair.
    child.stdin.on("error", () => {});
    if (options.input === undefined) child.stdin.end();
    else if (typeof options.input === "string" || Buffer.isBuffer(options.input))
      child.stdin.end(options.input);
    else options.input.pipe(child.stdin);
    options.signal?.addEventListener("abort", () => child.kill("SIGINT"), { once: true });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}
