import { once } from "node:events";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  type OutgoingHttpHeaders,
} from "node:http2";
import net from "node:net";
import { type Duplex, duplexPair } from "node:stream";
import { FrameDecoder, framePrefix } from "./frames.js";
import { openSession, type Session, type SessionHeaders, type SessionOptions } from "./open.js";
import type { SessionService } from "./service.js";

/** What a call came to, as the daemon would see it. */
export interface Outcome {
  readonly messages: readonly Buffer[];
  readonly status: number;
  readonly message: string;
}

/** The daemon's end of a session, for tests: node's own HTTP/2 client on the other end of a pair of streams. */
export interface Peer {
  readonly session: Session;
  readonly announced: SessionHeaders;
  readonly client: ClientHttp2Session;
  /** Starts a call; the caller writes and ends it. */
  open(path: string, headers?: OutgoingHttpHeaders): ClientHttp2Stream;
  /** Sends the messages, ends the request and waits for the outcome. */
  call(path: string, messages?: readonly Uint8Array[], headers?: OutgoingHttpHeaders): Promise<Outcome>;
  close(): Promise<void>;
}

export const framed = (message: Uint8Array): Buffer => Buffer.concat([framePrefix(message.length), message]);

/** Two ends of a connection: in memory, or over a loopback socket (node treats the two quite differently). */
export async function pair(kind: "memory" | "tcp"): Promise<[Duplex, Duplex]> {
  if (kind === "memory") return duplexPair();
  const server = net.createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const near = net.connect((server.address() as net.AddressInfo).port, "127.0.0.1");
  const [far] = (await once(server, "connection")) as [net.Socket];
  await (near.connecting ? once(near, "connect") : undefined);
  server.close();
  return [near, far];
}

/** Opens a session and hands out the daemon's raw end of the connection. */
export async function openRaw(
  services: readonly SessionService[],
  kind: "memory" | "tcp" = "tcp",
  options: Partial<SessionOptions> = {},
): Promise<{ session: Session; wire: Duplex; announced: SessionHeaders }> {
  const [near, wire] = await pair(kind);
  wire.on("error", () => {});
  let announced: SessionHeaders | undefined;
  const dial = async (headers: SessionHeaders) => {
    announced = headers;
    return near;
  };
  const session = await openSession({ dial, services, ...options });
  if (!announced) throw new TypeError("the session was not announced");
  return { session, wire, announced };
}

export async function openPeer(
  services: readonly SessionService[],
  kind: "memory" | "tcp" = "tcp",
  options: Partial<SessionOptions> = {},
): Promise<Peer> {
  const { session, wire, announced } = await openRaw(services, kind, options);
  const client = connect("http://localhost", { createConnection: () => wire, maxSessionMemory: 1000 });
  client.on("error", () => {});
  const open = (path: string, headers: OutgoingHttpHeaders = {}) => {
    const stream = client.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
    stream.on("error", () => {});
    return stream;
  };
  const call = (path: string, messages: readonly Uint8Array[] = [], headers: OutgoingHttpHeaders = {}) => {
    const stream = open(path, headers);
    for (const message of messages) stream.write(framed(message));
    stream.end();
    return outcome(stream);
  };
  const close = async () => {
    client.destroy();
    await session.close();
  };
  return { session, announced, client, open, call, close };
}

/** Reads a call to its end. A call that ends without a status, by reset, counts as status -1. */
export async function outcome(stream: ClientHttp2Stream): Promise<Outcome> {
  const messages: Buffer[] = [];
  const decoder = new FrameDecoder(64 * 1024 * 1024);
  let status = -1;
  let message = "";
  const note = (headers: Record<string, unknown>) => {
    if (headers["grpc-status"] === undefined) return;
    status = Number(headers["grpc-status"]);
    message = decodeURIComponent(String(headers["grpc-message"] ?? ""));
  };
  stream.on("response", note);
  stream.on("trailers", note);
  stream.on("data", (chunk: Buffer) => messages.push(...decoder.push(chunk)));
  if (!stream.closed) await new Promise((resolve) => stream.once("close", resolve));
  return { messages, status, message };
}

/** Promise.withResolvers, which Node 20 lacks. */
export function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((fulfil) => {
    resolve = fulfil;
  });
  return { promise, resolve };
}
