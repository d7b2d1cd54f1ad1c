import { type ClientRequest, type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import { Socket } from "node:net";
import { createProxyServer } from "httpxy";
import { GalleyError } from "../errors/index.js";
import { type Page, pageBody, unreachablePage } from "./page.js";
import type { Upstream } from "./table.js";

/** Passes requests on as they are: no buffering, no limit of size, no deadline once there is a connection. */
export interface Forwarder {
  request(request: IncomingMessage, response: ServerResponse, upstream: Upstream): void;
  /** WebSockets, and whatever else changes its protocol. */
  upgrade(request: IncomingMessage, socket: Socket, head: Buffer, upstream: Upstream): void;
}

/** Milliseconds to a connection: an address that nobody has answers nothing at all. */
const CONNECT_MS = 5_000;

/** About one connection, not for the other side of a proxy (RFC 9110, section 7.6.1). */
const hopByHop = ["connection", "keep-alive", "proxy-connection", "te", "upgrade"];

export function createForwarder(): Forwarder {
  // One connection per request: a container that was replaced by another at its address never gets an old one's.
  const proxy = createProxyServer({ agent: false, xfwd: false });
  proxy.on("proxyReq", (outgoing) => withinDeadline(outgoing));
  proxy.on("proxyReqWs", (outgoing) => outgoing.once("socket", () => withinDeadline(outgoing)));
  proxy.on("proxyRes", ({ headers }) => {
    for (const name of hopByHop) delete headers[name];
  });
  /** Bytes that had gone to a client when it asked for another protocol. */
  const before = new WeakMap<Socket, number>();
  // Without this listener the library rejects instead; answers are given below.
  proxy.on("error", (error, request, response) => {
    const page = unreachablePage(request?.headers.host ?? "the preview", reasonOf(error));
    if (response instanceof Socket) {
      // Once the protocol has changed a page would be taken for what the upstream says.
      if (response.bytesWritten === before.get(response)) endSocket(response, page);
      else response.destroy();
    } else if (response && !response.headersSent) answer(request, response, page);
    // An answer that has begun is ended by the library, cut off where the upstream's was.
  });
  const target = ({ host, port }: Upstream) => ({ target: { host, port, protocol: "http:" } });
  return {
    request(request, response, upstream) {
      mendHeaders(request);
      proxy.web(request, response, target(upstream)).catch(() => response.destroy());
    },
    upgrade(request, socket, head, upstream) {
      mendHeaders(request);
      before.set(socket, socket.bytesWritten);
      proxy.ws(request, socket, target(upstream), head).catch(() => socket.destroy());
    },
  };
}

/**
 * Says who asked, and of whom. What the client says of it itself is not believed and taken away, also as `X_Forwarded_For`, which
 * many frameworks take for the same.
 */
function mendHeaders(request: IncomingMessage): void {
  const { headers, socket } = request;
  for (const name of Object.keys(headers)) {
    if (/^(?:x[-_]forwarded[-_].*|x[-_]real[-_]ip|forwarded)$/.test(name)) delete headers[name];
  }
  // Answered by Node already.
  delete headers.expect;
  const host = headers.host ?? "";
  headers["x-forwarded-for"] = (socket.remoteAddress ?? "").replace(/^::ffff:/, "");
  headers["x-real-ip"] = headers["x-forwarded-for"];
  headers["x-forwarded-host"] = host;
  headers["x-forwarded-port"] = /:(\d+)$/.exec(host)?.[1] ?? String(socket.localPort ?? 80);
  headers["x-forwarded-proto"] = "http";
}

function withinDeadline(outgoing: ClientRequest): void {
  const { socket } = outgoing;
  if (!socket?.connecting) return;
  const timer = setTimeout(() => {
    outgoing.destroy(new GalleyError("container_unhealthy", "no connection in time"));
  }, CONNECT_MS);
  const clear = () => clearTimeout(timer);
  socket.once("connect", clear).once("close", clear);
}

/** Without addresses: they say something of the inside, and nothing to whoever reads the page. */
function reasonOf(error: unknown): string {
  if (error instanceof GalleyError) return error.message;
  switch ((error as NodeJS.ErrnoException).code) {
    case "ECONNREFUSED":
      return "nothing listens on its port";
    case "EHOSTUNREACH":
    case "ENETUNREACH":
    case "ETIMEDOUT":
      return "its address cannot be reached from this machine";
    case "ECONNRESET":
    case "EPIPE":
      return "it closed the connection without an answer";
    default:
      return "its answer is no HTTP";
  }
}

/** Answers a request with a page of the ingress's own. */
export function answer(request: IncomingMessage | undefined, response: ServerResponse, page: Page): void {
  const { type, body } = pageBody(page, request?.headers.accept);
  response.writeHead(page.status, {
    "content-type": type,
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
    // The rest of a body that nobody reads would be taken for the next request.
    ...(request?.complete === false ? { connection: "close" } : {}),
  });
  response.end(request?.method === "HEAD" ? undefined : body);
}

/** The same where the protocol was to be changed and there is only a socket. */
export function endSocket(socket: Socket, page: Page): void {
  if (!socket.writable) return void socket.destroy();
  const { type, body } = pageBody(page, undefined);
  const head = [
    `HTTP/1.1 ${page.status} ${STATUS_CODES[page.status]}`,
    `content-type: ${type}`,
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}
