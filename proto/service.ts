/** The static side of a generated message: `T` is what decoding gives, `Init` what encoding takes. */
interface MessageType<T, Init> {
  encode(message: Init): { finish(): Uint8Array };
  decode(bytes: Uint8Array): T;
}

/**
 * All that a client or a server needs to carry one method.
 *
 * `Req` and `Res` are decoded messages; `ReqInit` and `ResInit` are what may be given for encoding, plain objects with every
 * field optional. The encoders return Buffers of their own. The decoders throw on malformed input (RangeError, Error), keep
 * no unknown fields, and their `bytes` fields are views on the input, which must therefore not be reused.
 */
export interface MethodDescriptor<Req, Res, ReqInit = Req, ResInit = Res> {
  /** As HTTP/2 carries it: `/moby.buildkit.v1.Control/Solve`. */
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly encodeRequest: (message: ReqInit) => Buffer;
  readonly decodeRequest: (bytes: Uint8Array) => Req;
  readonly encodeResponse: (message: ResInit) => Buffer;
  readonly decodeResponse: (bytes: Uint8Array) => Res;
}

type Streams<Request extends boolean, Response extends boolean> = {
  readonly requestStream: Request;
  readonly responseStream: Response;
};

/** One request, one response. */
export type UnaryMethod<Req, Res, ReqInit = Req, ResInit = Res> = Streams<false, false> &
  MethodDescriptor<Req, Res, ReqInit, ResInit>;
/** One request, any number of responses. */
export type ServerStreamMethod<Req, Res, ReqInit = Req, ResInit = Res> = Streams<false, true> &
  MethodDescriptor<Req, Res, ReqInit, ResInit>;
/** Any number of both, in any order. */
export type BidiMethod<Req, Res, ReqInit = Req, ResInit = Res> = Streams<true, true> &
  MethodDescriptor<Req, Res, ReqInit, ResInit>;

/** A service: its full name and its methods by their names on the wire. */
export interface ServiceDescriptor<Methods> {
  readonly name: string;
  readonly methods: Methods;
}

function encoder<Init>(type: MessageType<unknown, Init>): (message: Init) => Buffer {
  return (message) => {
    const bytes = type.encode(message).finish();
    return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
}

function decoder<T>(type: MessageType<T, never>): (bytes: Uint8Array) => T {
  return (bytes) => type.decode(bytes);
}

/** Describes a service's methods with what `methods` gets: one function per kind, each taking name and message types. */
export function service<Methods>(
  name: string,
  methods: (rpc: ReturnType<typeof kinds>) => Methods,
): ServiceDescriptor<Methods> {
  return { name, methods: methods(kinds(name)) };
}

function kinds(serviceName: string) {
  function codecs<Req, Res, ReqInit, ResInit>(
    name: string,
    request: MessageType<Req, ReqInit>,
    response: MessageType<Res, ResInit>,
  ) {
    return {
      path: `/${serviceName}/${name}`,
      encodeRequest: encoder(request),
      decodeRequest: decoder(request),
      encodeResponse: encoder(response),
      decodeResponse: decoder(response),
    };
  }
  return {
    unary: <Req, Res, ReqInit, ResInit>(
      name: string,
      request: MessageType<Req, ReqInit>,
      response: MessageType<Res, ResInit>,
    ): UnaryMethod<Req, Res, ReqInit, ResInit> => ({
      requestStream: false,
      responseStream: false,
      ...codecs(name, request, response),
    }),
    serverStream: <Req, Res, ReqInit, ResInit>(
      name: string,
      request: MessageType<Req, ReqInit>,
      response: MessageType<Res, ResInit>,
    ): ServerStreamMethod<Req, Res, ReqInit, ResInit> => ({
      requestStream: false,
      responseStream: true,
      ...codecs(name, request, response),
    }),
    bidi: <Req, Res, ReqInit, ResInit>(
      name: string,
      request: MessageType<Req, ReqInit>,
      response: MessageType<Res, ResInit>,
    ): BidiMethod<Req, Res, ReqInit, ResInit> => ({
      requestStream: true,
      responseStream: true,
      ...codecs(name, request, response),
    }),
  };
}
