import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { Duplex } from "node:stream";
import { BuildKitError } from "../errors.js";
import { type Address, formatAddress } from "./address.js";

type SshAddress = Extract<Address, { type: "ssh" }>;

const connectTimeoutSeconds = 30;
const keptStderrBytes = 4096;

/**
 * The Docker Engine of another host: the stdio of `docker system dial-stdio` run there by ssh. ssh must log in without
 * asking (BatchMode). The stream is handed out at once; that the login failed shows as an error on it.
 */
export function dialSsh(address: SshAddress, env: NodeJS.ProcessEnv, signal: AbortSignal): Duplex {
  const child = spawn("ssh", sshArguments(address), { env, stdio: ["pipe", "pipe", "pipe"] });
  return new ChildStream(child, formatAddress(address), signal);
}

function sshArguments({ host, user, port, socketPath }: SshAddress): string[] {
  return [
    ...["-T", "-o", "BatchMode=yes", "-o", `ConnectTimeout=${connectTimeoutSeconds}`],
    ...(user === undefined ? [] : ["-l", user]),
    ...(port === undefined ? [] : ["-p", String(port)]),
    ...["--", host, "docker"],
    ...(socketPath === undefined ? [] : ["--host", shellQuote(`unix://${socketPath}`)]),
    ...["system", "dial-stdio"],
  ];
}

/** ssh hands its words to the other host's shell as one line. */
function shellQuote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

/** The stdio of a child process as one stream. Destroying it ends the child; the child's end ends it. */
class ChildStream extends Duplex {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #where: string;
  #stderr = "";
  #answered = false;

  constructor(child: ChildProcessWithoutNullStreams, where: string, signal: AbortSignal) {
    super({ allowHalfOpen: false });
    this.#child = child;
    this.#where = where;
    // Only the opening can be aborted; afterwards the stream belongs to its user.
    const onAbort = () => this.destroy(new BuildKitError("cancelled", "Connecting was cancelled"));
    signal.addEventListener("abort", onAbort, { once: true });
    this.once("close", () => signal.removeEventListener("abort", onAbort));
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-keptStderrBytes);
    });
    child.stdout.on("data", (chunk: Buffer) => {
      this.#answered = true;
      signal.removeEventListener("abort", onAbort);
      if (!this.push(chunk)) child.stdout.pause();
    });
    // Writing after the child is gone: its exit, below, says why.
    child.stdin.on("error", () => {});
    child.on("error", (cause) => this.destroy(this.#failed("ssh could not be started", cause)));
    child.on("close", (code) => {
      if (code === 0 || this.#answered) this.push(null);
      else this.destroy(this.#failed("The ssh connection failed"));
    });
  }

  #failed(what: string, cause?: unknown): BuildKitError {
    const said = this.#stderr.trim();
    return new BuildKitError(
      "daemon_unreachable",
      `${what} to ${this.#where}${said === "" ? "" : `: ${said}`}`,
      {
        hint: "Check that `ssh HOST docker version` works without asking for anything.",
        cause,
      },
    );
  }

  override _read(): void {
    this.#child.stdout.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    if (this.#child.stdin.write(chunk)) {
      done();
      return;
    }
    const finish = () => {
      this.#child.stdin.off("drain", finish);
      this.#child.stdin.off("close", finish);
      done();
    };
    this.#child.stdin.once("drain", finish);
    this.#child.stdin.once("close", finish);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#child.stdin.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#child.stdin.destroy();
    this.#child.stdout.destroy();
    this.#child.stderr.destroy();
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill("SIGTERM");
    done(error);
  }
}
