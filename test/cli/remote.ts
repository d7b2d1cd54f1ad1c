// The built command as people use it against a server: a home of its own, and nothing of the machine's environment.
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { emptyPglite, type TestDatabases } from "../support/databases.js";

/** GALLEY_CLI: another build of the command than the one in dist/. */
const main = process.env.GALLEY_CLI ?? fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly done: Promise<Run>;
  /** Resolves when stderr (or stdout) has the text; rejects when the command ends without it. */
  saw(text: string | RegExp): Promise<void>;
  signal(name: NodeJS.Signals): void;
  type(text: string): void;
}

interface Launched extends Running {
  /** Writes the last that comes on stdin. */
  end(input: string): void;
}

export interface Person {
  readonly home: string;
  /** Set for every command. */
  readonly env: Record<string, string>;
  start(args: readonly string[], options?: { input?: string; env?: Record<string, string> }): Running;
  /** On a terminal of its own; what it shows is all in `stdout`. */
  onTerminal(args: readonly string[]): Running;
  run(args: readonly string[], options?: { input?: string; env?: Record<string, string> }): Promise<Run>;
  /** Fails unless the command succeeds. Resolves with what it printed. */
  good(args: readonly string[], options?: { input?: string }): Promise<string>;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every form
  json(args: readonly string[]): Promise<any>;
  remove(): void;
}

export function createPerson(env: Record<string, string> = {}): Person {
  const home = mkdtempSync(join(tmpdir(), "galley-home-"));
  const launch = (command: string, args: readonly string[], more: Record<string, string> = {}): Launched => {
    const child = spawn(command, args, {
      env: { PATH: process.env.PATH, HOME: home, ...env, ...more },
      stdio: ["pipe", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    const looks = new Set<() => void>();
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      stdout += chunk;
      for (const look of looks) look();
    });
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      stderr += chunk;
      for (const look of looks) look();
    });
    child.stdin.on("error", () => {}); // it may end before it has read all
    const done = new Promise<Run>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (code) => resolve({ code, stdout, stderr }));
    });
    return {
      done,
      saw: (text) =>
        new Promise((resolve, reject) => {
          const look = () => {
            const all = stderr + stdout;
            if (typeof text === "string" ? all.includes(text) : text.test(all)) {
              looks.delete(look);
              resolve();
            }
          };
          looks.add(look);
          look();
          void done.then(({ code }) =>
            reject(new Error(`ended with ${code} and without ${text}:\n${stderr}\n${stdout}`)),
          );
        }),
      signal: (name) => void child.kill(name),
      type: (text) => void child.stdin.write(text),
      end: (input) => void child.stdin.end(input),
    };
  };
  const start: Person["start"] = (args, options = {}) => {
    const running = launch(process.execPath, [main, ...args], options.env);
    running.end(options.input ?? "");
    return running;
  };
  const run: Person["run"] = (args, options) => start(args, options).done;
  const good: Person["good"] = async (args, options) => {
    const { code, stdout, stderr } = await run(args, options);
    if (code !== 0) throw new Error(`galley ${args.join(" ")} ended with ${code}:\n${stderr}${stdout}`);
    return stdout;
  };
  return {
    home,
    env,
    start,
    // `script` (util-linux) gives it a pseudo terminal, and types what comes on stdin.
    onTerminal: (args) =>
      launch("script", ["-qec", [process.execPath, main, ...args].join(" "), "/dev/null"], { TERM: "xterm" }),
    run,
    good,
    json: async (args) => JSON.parse(await good([...args, "--json"])),
    remove: () => rmSync(home, { recursive: true, force: true }),
  };
}

/** Embedded databases: the command knows no difference, and test/server and test/queue try both. */
export function embedded(): TestDatabases & { remove(): void } {
  const root = mkdtempSync(join(tmpdir(), "galley-db-"));
  let count = 0;
  return {
    kind: "pglite",
    directory: () => root,
    fresh: async () => {
      const dataDir = join(root, `db${++count}`);
      cpSync(await emptyPglite(), dataDir, { recursive: true });
      return { dataDir };
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}
