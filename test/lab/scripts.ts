import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

/** Where the lab keeps everything: engines, registry, images. */
export const labDirectory = (): string => process.env.GALLEY_LAB_DIR || join(homedir(), ".cache/galley-lab");

/** The folder of the lab's scripts; this file may run from the sources or from dist/. */
function scriptsDirectory(): string {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "test/lab/engine-up.sh"))) return join(folder, "test/lab");
    if (folder === dirname(folder))
      throw new Error("test/lab/engine-up.sh is missing: is this a whole clone?");
  }
}

export interface ScriptOptions {
  env?: NodeJS.ProcessEnv;
  /** Gets each line the script says of its progress. */
  report?: ((line: string) => void) | undefined;
  /** Ends the script (and what it started) when aborted. */
  signal?: AbortSignal | undefined;
}

/**
 * Runs one of the lab's scripts, or `-c TEXT` in the shell with lib.sh. Resolves with its standard output; rejects with
 * the last sentences it said.
 */
export function script(name: string, args: string[], options: ScriptOptions = {}): Promise<string> {
  const folder = scriptsDirectory();
  const argv =
    name === "-c"
      ? ["-c", `. "$0"; ${args[0] ?? ""}`, join(folder, "lib.sh")]
      : [join(folder, name), ...args];
  return new Promise((resolve, reject) => {
    // A group of its own: an abort must reach apt and docker, too.
    const child = spawn("bash", argv, {
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...options.env },
    });
    const abort = () => {
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGTERM");
    };
    options.signal?.addEventListener("abort", abort, { once: true });
    let stdout = "";
    let rest = "";
    const said: string[] = [];
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        said.push(line);
        if (line.startsWith("lab: ")) options.report?.(line);
      }
    });
    child.on("error", reject);
    child.on("close", (code) => {
      options.signal?.removeEventListener("abort", abort);
      if (code === 0) return resolve(stdout);
      if (options.signal?.aborted) return reject(options.signal.reason);
      const last = [...said, rest].filter((line) => line !== "").slice(-6);
      reject(new Error(`${name} ${args.join(" ")} ended with ${code}\n${last.join("\n")}`));
    });
  });
}

/** The one sentence that says what this machine lacks for the lab; undefined when it lacks nothing. */
export async function labUnmet(): Promise<string | undefined> {
  try {
    return (await script("-c", ["unmet"])).trim() || undefined;
  } catch (error) {
    return `the lab's scripts do not run here (${error instanceof Error ? error.message.split("\n")[0] : error})`;
  }
}
