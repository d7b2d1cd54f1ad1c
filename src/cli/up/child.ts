import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { GalleyError } from "../../errors/index.js";

export interface ChildOptions {
  /** For messages: "the server". */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Gets what the child prints. */
  readonly logFile: string;
}

/** A part of the local installation, in a process of its own as it is with compose. */
export interface Child {
  readonly name: string;
  readonly pid: number;
  /** Resolves when it has ended, with a word on how. */
  readonly ended: Promise<string>;
  /**
   * Resolves when it has printed `says` (that it has its port, so that nobody else answers there) and `check` resolves with true. Rejects with the
   * end of its log when it ends before, as `port_in_use` where another program has its port, or when `timeoutMs` pass.
   */
  ready(says: string, check: () => Promise<boolean>, timeoutMs: number, signal: AbortSignal): Promise<void>;
  /** SIGTERM; SIGKILL when that does not help within `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

/** Starts a child in a process group of its own: Ctrl-C reaches this process alone, which ends its children in order. */
export function startChild({ name, command, args, env, logFile }: ChildOptions): Child {
  const log = openSync(logFile, "w", 0o600);
  const child: ChildProcess = spawn(command, args, { env, stdio: ["ignore", log, log], detached: true });
  closeSync(log);
  let over: string | undefined;
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(signal ? `ended by ${signal}` : `exit code ${code}`));
  });
  void ended.then((how) => {
    over = how;
  });
  return {
    name,
    pid: child.pid ?? 0,
    ended,
    async ready(says, check, timeoutMs, signal) {
      const deadline = Date.now() + timeoutMs;
      const isReady = async () => printed(logFile).includes(says) && (await check().catch(() => false));
      // Slower and slower: a start is mostly quick, and the server counts requests.
      for (let pause = 50; !(await isReady()); pause = Math.min(pause * 1.3, 1000)) {
        signal.throwIfAborted();
        if (over !== undefined) throw broken(`${name} ended at its start (${over})`, logFile);
        if (Date.now() > deadline) throw broken(`${name} is not ready after ${timeoutMs / 1000} s`, logFile);
        await delay(pause, undefined, { signal });
      }
    },
    async stop(graceMs) {
      if (over !== undefined) return;
      child.kill("SIGTERM");
      const late = new AbortController();
      const killed = delay(graceMs, undefined, { signal: late.signal }).then(
        () => child.kill("SIGKILL"),
        () => {}, // ended in time
      );
      await ended;
      late.abort();
      await killed;
    },
  };
}

const shownLines = 12;

/** As node, a nats-server, docker and Galley's own processes say that an address is another's. */
const portTaken =
  /EADDRINUSE|address already in use|port is already allocated|has the port \d+|port \d+ of \S+ is taken/i;

function broken(what: string, logFile: string): GalleyError {
  const tail = printed(logFile).trimEnd().split("\n").slice(-shownLines).join("\n");
  const code = portTaken.test(tail) ? "port_in_use" : "internal";
  return new GalleyError(code, tail === "" ? `${what}.` : `${what}:\n${tail}`, {
    hint: `All it said is in ${logFile}.`,
  });
}

/** Empty while nothing is. */
function printed(logFile: string): string {
  try {
    return readFileSync(logFile, "utf8");
  } catch {
    return "";
  }
}
