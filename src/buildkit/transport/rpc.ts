import { type Client, type ClientDuplexStream, type ClientReadableStream, Metadata } from "@grpc/grpc-js";
import { BuildKitError } from "../errors.js";

/** A method of a gRPC service: its path, and how its messages are written and read. The tables of `proto` are such. */
export interface RpcMethod<Request, Response> {
  readonly path: string;
  readonly encodeRequest: (request: Request) => Buffer;
  readonly decodeResponse: (bytes: Uint8Array) => Response;
}

export interface CallOptions {
  /** Cancels the call; it then rejects with gRPC code 1. */
  readonly signal?: AbortSignal;
  /** Default: none. The call then rejects with gRPC code 4. */
  readonly timeoutMs?: number;
  readonly metadata?: Readonly<Record<string, string | readonly string[]>>;
}

/** One request, one answer. Rejects with grpc-js's ServiceError. */
export function unary<Request, Response>(
  client: Client,
  method: RpcMethod<Request, Response>,
  request: Request,
  options: CallOptions = {},
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const call = client.makeUnaryRequest(
      method.path,
      method.encodeRequest,
      method.decodeResponse,
      request,
      metadataOf(options),
      deadlineOf(options),
      (error, response) => {
        release();
        if (error !== null) reject(error);
        else resolve(response as Response);
      },
    );
    const release = cancelOnAbort(call, options.signal);
  });
}

/** One request, many answers, read as slowly as the caller reads. Throws grpc-js's ServiceError while iterating. */
export async function* serverStream<Request, Response>(
  client: Client,
  method: RpcMethod<Request, Response>,
  request: Request,
  options: CallOptions = {},
): AsyncGenerator<Response, void, undefined> {
  const call: ClientReadableStream<Response> = client.makeServerStreamRequest(
    method.path,
    method.encodeRequest,
    method.decodeResponse,
    request,
    metadataOf(options),
    deadlineOf(options),
  );
  const release = cancelOnAbort(call, options.signal);
  try {
    yield* call;
  } finally {
    release();
    endQuietly(call);
  }
}

/** Both sides send as they like. */
export interface BidiCall<Request, Response> {
  /** Resolves when more may be sent. */
  send(message: Request): Promise<void>;
  /** Says that nothing more will be sent. */
  end(): void;
  /** Throws grpc-js's ServiceError while iterating. */
  readonly messages: AsyncIterable<Response>;
  /** Ends the call at once, whatever is under way. Idempotent. */
  cancel(): void;
}

export function bidi<Request, Response>(
  client: Client,
  method: RpcMethod<Request, Response>,
  options: CallOptions = {},
): BidiCall<Request, Response> {
  const call = openBidi(client, method, options);
  const release = cancelOnAbort(call, options.signal);
  // A write under way when the call ends is never called back by grpc-js.
  const sending = new Set<(error: Error) => void>();
  call.once("close", () => {
    release();
    for (const reject of sending) reject(new BuildKitError("cancelled", "The call has ended"));
  });
  return {
    send: (message) =>
      new Promise((resolve, reject) => {
        sending.add(reject);
        call.write(message, (error?: Error | null) => {
          sending.delete(reject);
          if (error) reject(error);
          else resolve();
        });
      }),
    end: () => call.end(),
    messages: call,
    cancel() {
      release();
      endQuietly(call);
    },
  };
}

/** The bare stream of grpc-js, for what pipes bytes through it. */
export function openBidi<Request, Response>(
  client: Client,
  method: RpcMethod<Request, Response>,
  options: CallOptions = {},
): ClientDuplexStream<Request, Response> {
  return client.makeBidiStreamRequest(
    method.path,
    method.encodeRequest,
    method.decodeResponse,
    metadataOf(options),
    deadlineOf(options),
  );
}

/** Cancels a stream whose outcome nobody wants any more; the error that this makes has no reader. */
export function endQuietly(call: ClientReadableStream<unknown> | ClientDuplexStream<unknown, unknown>): void {
  call.on("error", () => {});
  call.cancel();
  call.destroy();
}

function cancelOnAbort(call: { cancel(): void }, signal: AbortSignal | undefined): () => void {
  if (signal === undefined) return () => {};
  const cancel = () => call.cancel();
  if (signal.aborted) cancel();
  else signal.addEventListener("abort", cancel, { once: true });
  return () => signal.removeEventListener("abort", cancel);
}

function deadlineOf({ timeoutMs }: CallOptions) {
  return timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
}

function metadataOf({ metadata }: CallOptions): Metadata {
  const sent = new Metadata();
  for (const [key, values] of Object.entries(metadata ?? {})) {
    for (const value of typeof values === "string" ? [values] : values) sent.add(key, value);
  }
  return sent;
}
