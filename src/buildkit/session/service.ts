import type { SessionMetadata } from "./metadata.js";

/** gRPC status codes that a service of the session answers with. */
export const rpcStatus = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** One call that the daemon makes on the session. Messages are the raw protobuf bytes, without gRPC framing. */
export interface SessionCall {
  /** Full path, `/moby.filesync.v1.FileSync/DiffCopy`. */
  readonly path: string;
  readonly metadata: SessionMetadata;
  /** Aborted when the daemon cancels the call or the session ends. */
  readonly signal: AbortSignal;
  /** The request messages in order; ends when the daemon half-closes. Reading slowly pauses the daemon (flow control). */
  readonly messages: AsyncIterable<Uint8Array>;
  /** Sends one message; resolves when more may be sent (backpressure), rejects when the call is over. */
  send(message: Uint8Array): Promise<void>;
}

/** Answers one call. Returning ends it with OK; throwing `RpcError` with its status; any other error with `unknown`. */
export type SessionMethod = (call: SessionCall) => Promise<void>;

/** What can be plugged into a session. Keys are full paths; each is announced to the daemon when the session opens. */
export interface SessionService {
  readonly methods: Readonly<Record<string, SessionMethod>>;
}

/** A refusal that the daemon sees as a gRPC status. The message must not contain secrets: daemons log it. */
export class RpcError extends Error {
  override readonly name = "RpcError";
  readonly status: number;
  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.status = status;
  }
}
