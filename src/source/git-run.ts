import { spawn } from "node:child_process";
import { GalleyError } from "../errors/index.js";
import { gitFailure } from "./git-process.js";

export interface GitRun {
  readonly args: readonly string[];
  /** All that the child sees of an environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly signal: AbortSignal;
  /** Hears stderr line by line; lines that are rewritten in place count as lines. */
  readonly onLine?: (line: string) => void;
  readonly onStart?: (pid: number) => void;
}

export interface GitOutcome {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  /** The last lines, without progress. */
  readonly stderr: string;
}

const longestStdout = 64 * 1024 * 1024;
const longestStderr = 8192;
const graceMs = 2000;

/**
 * Runs a git that may talk to a server, to its end. It leads a process group of its own (transports, index-pack and ssh are its
 * children): when the signal fires all of them are asked to end, and killed when they do not. Throws the signal's reason
 * then, `git_missing` when there is no git, `git_failed` for an answer without end. How git ended is for the caller to judge.
 *
 * Not simple-git: that ends git and leaves its children running, waits for all of stderr, and adds to the environment of
 * this process instead of replacing it.
 */
export async function runGit(run: GitRun): Promise<GitOutcome> {
  const { signal } = run;
  signal.throwIfAborted();
  const child = spawn("git", run.args, {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...run.env },
    detached: true,
    windowsHide: true,
  });
  if (child.pid !== undefined) run.onStart?.(child.pid);
  const kill = (name: NodeJS.Signals) => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, name);
    } catch {
      // The group is gone.
    }
  };
  let last: NodeJS.Timeout | undefined;
  const end = () => {
    kill("SIGTERM");
    last ??= setTimeout(() => kill("SIGKILL"), graceMs);
  };
  signal.addEventListener("abort", end, { once: true });
  let stdout = "";
  let endless = false;
  child.stdout.setEncoding("utf8");
  child.stdout.on("data", (piece: string) => {
    stdout += piece;
    if (stdout.length > longestStdout) {
      endless = true;
      stdout = "";
      kill("SIGKILL");
    }
  });
  const stderr = lastLines(child.stderr, run.onLine);
  child.stdin.on("error", () => {
    // It ended without reading all: its exit code tells why.
  });
  child.stdin.end(run.stdin ?? "");
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    signal.throwIfAborted();
    if (endless) throw new GalleyError("git_failed", "git answered more than anybody could want.");
    return { code, stdout, stderr: stderr() };
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof GalleyError ? error : gitFailure("", "", error);
  } finally {
    clearTimeout(last);
    signal.removeEventListener("abort", end);
    // Nothing of the group outlives the call, whatever it was.
    kill("SIGKILL");
  }
}

function lastLines(
  stream: NodeJS.ReadableStream,
  onLine: ((line: string) => void) | undefined,
): () => string {
  let kept = "";
  let rest = "";
  const take = (line: string) => {
    if (line === "") return;
    onLine?.(line);
    if (!/^(remote: )?\w[\w ]*: +\d+%|^remote: (Enumerating|Counting|Compressing|Total)/.test(line)) {
      kept = `${kept}${line}\n`.slice(-longestStderr);
    }
  };
  stream.setEncoding("utf8");
  stream.on("data", (piece: string) => {
    const lines = (rest + piece).split(/[\r\n]/);
    rest = (lines.pop() ?? "").slice(-longestStderr);
    for (const line of lines) take(line);
  });
  return () => {
    take(rest);
    rest = "";
    return kept.trim();
  };
}
