import {
  constants,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import { BuildKitError } from "../errors.js";
import { Http2Call } from "./call.js";
import { type RelayedConnection, relayedHeaderBytes } from "./header-relay.js";
import { decodeMetadata } from "./metadata.js";
import { RpcError, rpcStatus, type SessionMethod } from "./service.js";
import { statusOf, timeoutMs } from "./status.js";

/** What one connection may cost. The daemon is trusted with the build, not with this process. */
const limits = {
  /** The daemon's own send limit is 16 MiB (BuildKit 0.13+; 4 MiB before). */
  messageBytes: 16 * 1024 * 1024,
  /** A health check that has to queue behind other calls is a lost session, hence far more than a build needs. */
  concurrentCalls: 4096,
  /** Every pattern of a .dockerignore is a header of its own. */
  headers: 50_000,
  headerBytes: 4 * 1024 * 1024,
  /** Receiving 500 MB: 168 MB/s with the default window of 64 KB, 346 MB/s with 8 MB. */
  streamWindowBytes: 8 * 1024 * 1024,
  /** All calls share it: enough that a dozen exports to stalled disks leave room for the health check. */
  connectionWindowBytes: 128 * 1024 * 1024,
  /** MB that node:http2 may hold for the connection before it refuses new streams, health checks among them. */
  sessionMemoryMb: 256,
} as const;

/** A connection being served. */
export interface Serving {
  /** Resolves when the connection is gone, with the reason where there is one; never rejects. */
  readonly closed: Promise<Error | undefined>;
  /** Ends all calls and the connection at once. */
  destroy(): void;
}

/** Unanswered intervals until the peer counts as gone. Not a time: a blocked event loop fires the timer once, however late. */
const missedPings = 6;

/**
 * Answers gRPC calls on one connection. `onCallError` hears the errors that methods threw, with the path of the call,
 * because the daemon only passes on a text. `keepaliveMs` is the interval of pings. `relayed`: where the headers are, when
 * they do not come through node:http2.
 */
export function serveCalls(
  socket: Socket,
  methods: ReadonlyMap<string, SessionMethod>,
  onCallError: (error: unknown, path: string) => void,
  keepaliveMs: number,
  relayed?: RelayedConnection,
): Serving {
  const session = performServerHandshake(socket, {
    maxHeaderListPairs: limits.headers,
    maxSessionMemory: limits.sessionMemoryMb,
    settings: {
      enablePush: false,
      initialWindowSize: limits.streamWindowBytes,
      maxConcurrentStreams: limits.concurrentCalls,
      maxHeaderListSize: relayed ? relayedHeaderBytes : limits.headerBytes,
    },
  });
  let failure: Error | undefined;
  session.on("error", (error: Error) => {
    failure ??= error;
  });
  socket.on("error", (error: Error) => {
    failure ??= error;
  });
  // The typings leave out the flat list of headers that node passes fourth.
  session.on(
    "stream",
    (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, ...rest: unknown[]) => {
      const rawHeaders = relayed ? relayed.headersOf(stream.id ?? 0) : (rest[0] as string[]);
      accept(stream, headers, rawHeaders ?? [], methods, onCallError);
    },
  );
  widenConnectionWindow(session);
  keepAlive(session, keepaliveMs);
  const closed = new Promise<Error | undefined>((resolve) => {
    session.once("close", () => {
      socket.destroy();
      resolve(relayed?.failure() ?? failure);
    });
    socket.once("close", () => {
      if (!session.destroyed) session.destroy();
    });
    // The daemon never half-closes: an end is the end.
    socket.once("end", () => {
      if (!session.destroyed) session.destroy();
    });
  });
  // What came behind the handshake is given to the session on the next tick, and node:http2 does not look whether there
  // still is a session then: destroying it before would end the process with a TypeError.
  const fed = new Promise<void>((resolve) => process.nextTick(resolve));
  return {
    closed,
    destroy: () => {
      void fed.then(() => {
        if (!session.destroyed) session.destroy();
        socket.destroy();
      });
    },
  };
}

function widenConnectionWindow(session: ServerHttp2Session): void {
  const widen = () => {
    if (!session.destroyed) session.setLocalWindowSize(limits.connectionWindowBytes);
  };
  // On a socket that is still connecting there is nothing to set yet.
  if (session.connecting) session.once("connect", widen);
  else widen();
}

/**
 * Notices a connection that is dead without a sign. nghttp2 answers some protocol errors (found: a header string beyond
 * 64 KiB, DATA on an idle stream) with GOAWAY and then neither reads nor writes, and Node 20 reports nothing of it.
 */
function keepAlive(session: ServerHttp2Session, intervalMs: number): void {
  let missed = 0;
  let outstanding = false;
  const timer = setInterval(() => {
    if (session.destroyed) return;
    if (!outstanding) {
      outstanding = true;
      missed = 0;
      session.ping((error) => {
        if (!error) outstanding = false;
      });
    } else if (++missed >= missedPings) {
      session.destroy(
        new BuildKitError("protocol_violation", "The daemon no longer answers on the session's connection."),
      );
    }
  }, intervalMs);
  timer.unref();
  session.once("close", () => clearInterval(timer));
}

function accept(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  rawHeaders: readonly string[],
  methods: ReadonlyMap<string, SessionMethod>,
  onCallError: (error: unknown, path: string) => void,
): void {
  // Resets arrive as errors too. The call hears of them through "close".
  stream.on("error", () => {});
  if (headers[":method"] !== "POST" || !headers["content-type"]?.startsWith("application/grpc")) {
    stream.respond({ ":status": 415 }, { endStream: true });
    stream.close(constants.NGHTTP2_NO_ERROR);
    return;
  }
  const path = String(headers[":path"] ?? "");
  answer(stream, path, rawHeaders, methods.get(path)).catch((error: unknown) => {
    if (!(error instanceof RpcError && error.status === rpcStatus.cancelled)) onCallError(error, path);
  });
}

async function answer(
  stream: ServerHttp2Stream,
  path: string,
  rawHeaders: readonly string[],
  method: SessionMethod | undefined,
): Promise<void> {
  let call: Http2Call;
  try {
    const metadata = decodeMetadata(rawHeaders);
    call = new Http2Call(stream, path, metadata, {
      messageBytes: limits.messageBytes,
      timeoutMs: timeoutMs(metadata.first("grpc-timeout")),
    });
  } catch (error) {
    call = new Http2Call(stream, path, decodeMetadata([]), { messageBytes: 0, timeoutMs: undefined });
    call.finish(rpcStatus.invalidArgument, "malformed metadata");
    throw error;
  }
  if (!method) {
    call.finish(rpcStatus.unimplemented, `unknown method ${path}`);
    return;
  }
  try {
    await method(call);
    call.finish(rpcStatus.ok);
  } catch (error) {
    const { status, message } = statusOf(error);
    call.finish(status, message);
    throw error;
  }
}
