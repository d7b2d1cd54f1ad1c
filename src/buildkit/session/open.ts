import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { withDeadline } from "../deadline.js";
import { BuildKitError } from "../errors.js";
import { asSocket } from "./as-socket.js";
import { type RelayedConnection, relayHeaders } from "./header-relay.js";
import { createHealth } from "./health.js";
import { serveCalls } from "./serve.js";
import type { SessionMethod, SessionService } from "./service.js";

/** What the daemon is told when a session opens: headers of `POST /session`, or metadata of `Control.Session`. */
export interface SessionHeaders {
  readonly uuid: string;
  readonly name: string;
  readonly sharedKey: string;
  /** Full paths of the methods served. One that is not listed counts as absent. */
  readonly methods: readonly string[];
}

/** Connects to the daemon and announces the session; the daemon then speaks HTTP/2 as a client on the stream. */
export type SessionDial = (headers: SessionHeaders, signal: AbortSignal) => Promise<Duplex>;

export interface SessionOptions {
  readonly dial: SessionDial;
  readonly services: readonly SessionService[];
  /** Names what the daemon keeps of local sources between sessions. Default: empty, nothing is found again. */
  readonly sharedKey?: string;
  /** Shown in the daemon's logs. Default "session". */
  readonly name?: string;
  /** Default: random. Must be new for the daemon: 20.10 answers a used one with HTTP 400. */
  readonly id?: string;
  /** Aborts the dial; ends the session when it is open. */
  readonly signal?: AbortSignal;
  /** Longest wait for the dial, in ms. Default 20,000. */
  readonly dialTimeoutMs?: number;
  /** Interval of HTTP/2 pings in ms; six unanswered ones end the session. Default 5,000. */
  readonly keepaliveMs?: number;
  /**
   * Read the headers of calls ourselves: for patterns and paths that node:http2 refuses (more than 140 KB of them) or drops
   * without a word (blanks at an end). Costs some speed of transfers. Default false.
   */
  readonly ownHeaders?: boolean;
  /**
   * Hears what a service threw, with the path of the call. The daemon only passes on a text, so this is where a caller
   * learns of, for example, `context_changed`. Not called for what the daemon cancelled.
   */
  readonly onCallError?: (error: unknown, path: string) => void;
}

export interface Session {
  readonly id: string;
  /** Resolves when the session is over: with nothing when we closed it, with `session_lost` when the daemon did. */
  readonly closed: Promise<undefined | BuildKitError>;
  /** Ends the calls under way and the connection. Resolves when it is gone. Idempotent. */
  close(): Promise<void>;
}

/**
 * Opens a session: the connection on which the daemon calls back for files, secrets, credentials. One solve per session:
 * the daemon reuses what it has read of a directory for as long as the session lives. Throws what `dial` throws,
 * `timeout`, `cancelled`, `session_lost`, or `option_invalid` for two services with one method.
 */
export async function openSession(options: SessionOptions): Promise<Session> {
  const methods = collectMethods([createHealth(), ...options.services]);
  const id = options.id ?? randomSessionId();
  const outer = options.signal;
  const { socket, relayed } = await dialWithin(options, {
    uuid: id,
    name: options.name ?? "session",
    sharedKey: options.sharedKey ?? "",
    methods: [...methods.keys()],
  });
  if (socket.destroyed) throw lost(socket.errored);
  const onCallError = (error: unknown, path: string) => options.onCallError?.(error, path);
  const serving = serveCalls(socket, methods, onCallError, options.keepaliveMs ?? 5000, relayed);
  let ours = false;
  const close = async () => {
    ours = true;
    serving.destroy();
    await serving.closed;
  };
  const onAbort = () => void close();
  outer?.addEventListener("abort", onAbort, { once: true });
  if (outer?.aborted) onAbort();
  const closed = serving.closed.then((cause) => {
    outer?.removeEventListener("abort", onAbort);
    if (ours) return undefined;
    return lost(cause);
  });
  return { id, closed, close };
}

function lost(cause: unknown): BuildKitError {
  return new BuildKitError("session_lost", "The daemon closed the session while the build was using it.", {
    hint: "The daemon may have been restarted, or this process was too busy to answer its health checks. Run the build again.",
    cause,
  });
}

interface Dialled {
  readonly socket: Socket;
  readonly relayed?: RelayedConnection;
}

async function dialWithin(options: SessionOptions, headers: SessionHeaders): Promise<Dialled> {
  const signal = withDeadline(options.signal, options.dialTimeoutMs ?? 20_000);
  const refuse = (cause: unknown) =>
    options.signal?.aborted
      ? new BuildKitError("cancelled", "Opening the session was cancelled.", { cause })
      : new BuildKitError("timeout", "The daemon did not answer in time when the session was opened.", {
          cause,
        });
  if (signal.aborted) throw refuse(signal.reason);
  const dialled = options.dial(headers, signal).then(async (duplex): Promise<Dialled> => {
    if (!options.ownHeaders) return { socket: await asSocket(duplex, signal) };
    const relayed = await relayHeaders(duplex, signal);
    return { socket: relayed.socket, relayed };
  });
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(refuse(signal.reason)), { once: true });
  });
  try {
    return await Promise.race([dialled, aborted]);
  } catch (error) {
    // A dial that ignores its signal and connects after all must not leave the connection behind.
    dialled.then(
      (late) => late.socket.destroy(),
      () => {},
    );
    throw signal.aborted && !(error instanceof BuildKitError) ? refuse(error) : error;
  }
}

function collectMethods(services: readonly SessionService[]): Map<string, SessionMethod> {
  const methods = new Map<string, SessionMethod>();
  for (const service of services) {
    for (const [path, method] of Object.entries(service.methods)) {
      if (methods.has(path)) {
        throw new BuildKitError("option_invalid", `Two services of the session answer ${path}.`);
      }
      methods.set(path, method);
    }
  }
  return methods;
}

/** 25 lower-case letters and digits, the shape of BuildKit's own ids: a ":" would be taken for a prefix. */
function randomSessionId(): string {
  return BigInt(`0x${randomBytes(17).toString("hex")}`)
    .toString(36)
    .padStart(25, "0")
    .slice(-25);
}
