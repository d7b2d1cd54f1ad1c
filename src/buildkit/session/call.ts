import { constants, type ServerHttp2Stream } from "node:http2";
import { framePrefix } from "./frames.js";
import { readMessages } from "./message-reader.js";
import type { SessionMetadata } from "./metadata.js";
import { RpcError, rpcStatus, type SessionCall } from "./service.js";
import { statusTrailers } from "./status.js";

/** `send` resolves while fewer bytes than this wait in the stream: enough to keep the pipe full, little enough to hold. */
const sendAheadBytes = 512 * 1024;
/** How long a peer may keep its half of an answered call open before the stream is reset. */
const lingerMs = 1000;

/** One gRPC call on an HTTP/2 stream, server side. It never throws out of an event handler. */
export class Http2Call implements SessionCall {
  readonly path: string;
  readonly metadata: SessionMetadata;
  readonly signal: AbortSignal;
  readonly messages: AsyncIterable<Uint8Array>;
  readonly #stream: ServerHttp2Stream;
  readonly #controller = new AbortController();
  readonly #messageBytes: number;
  readonly #deadline: NodeJS.Timeout | undefined;
  #waiting: { resolve: () => void; reject: (reason: unknown) => void }[] = [];
  #finished = false;
  #reading = false;

  constructor(
    stream: ServerHttp2Stream,
    path: string,
    metadata: SessionMetadata,
    limits: { messageBytes: number; timeoutMs: number | undefined },
  ) {
    this.#stream = stream;
    this.path = path;
    this.metadata = metadata;
    this.signal = this.#controller.signal;
    this.#messageBytes = limits.messageBytes;
    this.messages = { [Symbol.asyncIterator]: () => this.#read() };
    if (limits.timeoutMs !== undefined) {
      this.#deadline = setTimeout(() => {
        const late = new RpcError(rpcStatus.deadlineExceeded, "the deadline of the call passed");
        this.#abort(late);
        this.finish(late.status, late.message);
      }, limits.timeoutMs);
    }
    stream.on("close", () => {
      clearTimeout(this.#deadline);
      this.#abort(new RpcError(rpcStatus.cancelled, "the daemon ended the call"));
    });
  }

  async send(message: Uint8Array): Promise<void> {
    if (this.#finished || this.#stream.destroyed || this.signal.aborted) throw this.#over();
    if (!this.#stream.headersSent) this.#respond();
    this.#stream.cork();
    this.#stream.write(framePrefix(message.length));
    this.#stream.write(message, () => this.#written());
    this.#stream.uncork();
    if (this.#stream.writableLength < sendAheadBytes) return;
    await new Promise<void>((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** Ends the call with a status. What was sent before goes out first. Idempotent. */
  finish(status: number, message = ""): void {
    if (this.#finished) return;
    this.#finished = true;
    clearTimeout(this.#deadline);
    const stream = this.#stream;
    if (stream.destroyed || stream.closed) return;
    const trailers = statusTrailers(status, message);
    if (stream.headersSent) {
      stream.once("wantTrailers", () => {
        if (!stream.destroyed && !stream.closed) stream.sendTrailers(trailers);
        this.#linger();
      });
      stream.end();
    } else {
      stream.respond({ ...responseHeaders, ...trailers }, { endStream: true });
      this.#linger();
    }
    // A call that is over has no use for what is still being sent: read on, or the peer's window stays shut.
    if (!this.#reading) stream.resume();
  }

  #respond(): void {
    this.#stream.respond(responseHeaders, { waitForTrailers: true });
  }

  /** A peer that has not half-closed by itself gets RST_STREAM(NO_ERROR), but only after the trailers have left. */
  #linger(): void {
    const timer = setTimeout(() => {
      if (!this.#stream.destroyed) this.#stream.close(constants.NGHTTP2_NO_ERROR);
    }, lingerMs);
    timer.unref();
    this.#stream.once("close", () => clearTimeout(timer));
  }

  async *#read(): AsyncGenerator<Uint8Array> {
    if (this.#reading) throw new RpcError(rpcStatus.internal, "the messages of a call can be read once");
    this.#reading = true;
    try {
      yield* readMessages(this.#stream, this.#messageBytes);
    } catch (error) {
      throw this.#isReset() ? this.#over() : error;
    } finally {
      this.#reading = false;
      if (this.#finished && !this.#stream.destroyed) this.#stream.resume();
    }
    // A reset ends the stream, too; what was read until then must not pass for all there was.
    if (this.#isReset()) throw this.#over();
  }

  #isReset(): boolean {
    return this.#stream.aborted || this.signal.aborted;
  }

  #written(): void {
    if (this.#waiting.length === 0 || this.#stream.writableLength >= sendAheadBytes) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { resolve } of waiting) resolve();
  }

  #abort(reason: RpcError): void {
    if (!this.signal.aborted) this.#controller.abort(reason);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { reject } of waiting) reject(reason);
  }

  #over(): RpcError {
    const reason: unknown = this.signal.reason;
    return reason instanceof RpcError ? reason : new RpcError(rpcStatus.cancelled, "the call is over");
  }
}

const responseHeaders = { ":status": 200, "content-type": "application/grpc" } as const;
