import type { BidiMethod, UnaryMethod } from "../../../proto/index.js";
import type { SessionMetadata } from "./metadata.js";
import { RpcError, rpcStatus, type SessionCall, type SessionMethod, type SessionService } from "./service.js";

/** A method with the path it answers: what `serviceOf` puts together. */
export type PathMethod = readonly [path: string, method: SessionMethod];

/** A streaming call whose messages are decoded. */
export interface TypedCall<Req, ResInit> {
  readonly metadata: SessionMetadata;
  readonly signal: AbortSignal;
  readonly requests: AsyncIterable<Req>;
  /** As `SessionCall.send`. */
  send(response: ResInit): Promise<void>;
}

/** One request, one answer. A request that is missing, doubled or malformed is refused with INVALID_ARGUMENT. */
export function unary<Req, Res, ReqInit, ResInit>(
  descriptor: UnaryMethod<Req, Res, ReqInit, ResInit>,
  handler: (request: Req, call: SessionCall) => Promise<ResInit>,
): PathMethod {
  const method: SessionMethod = async (call) => {
    let request: { value: Req } | undefined;
    for await (const message of call.messages) {
      if (request) throw new RpcError(rpcStatus.invalidArgument, "more than one request");
      request = { value: decode(descriptor, message) };
    }
    if (!request) throw new RpcError(rpcStatus.invalidArgument, "no request");
    await call.send(descriptor.encodeResponse(await handler(request.value, call)));
  };
  return [descriptor.path, method];
}

/** Any number of requests and answers. Not for the hot path of file sync, which reads the bytes itself. */
export function stream<Req, Res, ReqInit, ResInit>(
  descriptor: BidiMethod<Req, Res, ReqInit, ResInit>,
  handler: (call: TypedCall<Req, ResInit>) => Promise<void>,
): PathMethod {
  const method: SessionMethod = (call) =>
    handler({
      metadata: call.metadata,
      signal: call.signal,
      requests: decoded(descriptor, call.messages),
      send: (response) => call.send(descriptor.encodeResponse(response)),
    });
  return [descriptor.path, method];
}

export function serviceOf(...methods: readonly PathMethod[]): SessionService {
  return { methods: Object.fromEntries(methods) };
}

async function* decoded<Req>(
  descriptor: { decodeRequest(bytes: Uint8Array): Req },
  messages: AsyncIterable<Uint8Array>,
): AsyncGenerator<Req> {
  for await (const message of messages) yield decode(descriptor, message);
}

function decode<Req>(descriptor: { decodeRequest(bytes: Uint8Array): Req }, message: Uint8Array): Req {
  try {
    return descriptor.decodeRequest(message);
  } catch (cause) {
    throw new RpcError(rpcStatus.invalidArgument, "malformed request", { cause });
  }
}
