import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { GalleyError } from "../errors/index.js";
import { answer, createForwarder, endSocket } from "./forward.js";
import { notFoundPage, upgradePage } from "./page.js";
import type { Upstream } from "./table.js";

export interface ListeningServer {
  readonly port: number;
  /** No new requests; resolves when those under way are done or, after a while, cut off. */
  close(): Promise<void>;
}

/** Milliseconds for requests under way at the end. */
const DRAIN_MS = 5_000;

/**
 * An HTTP server that passes each request on to the upstream of its host.
 *
 * @param upstreamOf undefined: nobody has the host
 * @param begin a request is passed on to a container; what it returns is called when that has been answered or given up
 * @throws port_in_use
 */
export async function listenFor(
  upstreamOf: (host: string) => Upstream | undefined,
  at: { readonly port: number; readonly address: string },
  begin: (container: string) => () => void = () => () => {},
): Promise<ListeningServer> {
  const forwarder = createForwarder();
  const upgraded = new Set<Socket>();
  /** Opened ahead, as browsers do, and asked nothing yet: Node does not count them as idle. */
  const unused = new Set<Socket>();
  // Bodies may take as long as they take; only a head that never ends is cut off.
  const server = createServer({ requestTimeout: 0, headersTimeout: 60_000, keepAliveTimeout: 60_000 });
  server.on("connection", (socket: Socket) => {
    unused.add(socket);
    socket.once("close", () => unused.delete(socket));
  });
  server.on("request", (request, response) => {
    unused.delete(request.socket);
    const host = hostOf(request);
    const upstream = host === undefined ? undefined : upstreamOf(host);
    if (upstream?.container !== undefined) response.once("close", begin(upstream.container));
    if (upstream) forwarder.request(request, response, upstream);
    else answer(request, response, notFoundPage(host));
  });
  server.on("upgrade", (request, socket: Socket, head) => {
    unused.delete(socket);
    upgraded.add(socket);
    socket.once("close", () => upgraded.delete(socket));
    socket.on("error", () => socket.destroy());
    const host = hostOf(request);
    const upstream = host === undefined ? undefined : upstreamOf(host);
    const body = request.headers["transfer-encoding"] ?? request.headers["content-length"] ?? "0";
    if (body !== "0") endSocket(socket, upgradePage);
    else if (upstream) forwarder.upgrade(request, socket, head, upstream);
    else endSocket(socket, notFoundPage(host));
  });
  await listen(server, at.port, at.address);
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      for (const socket of unused) socket.destroy();
      return close(server, upgraded);
    },
  };
}

/** The host that is asked for. A request that was meant for a forward proxy has it in its target, which becomes a path. */
function hostOf(request: IncomingMessage): string | undefined {
  const target = request.url ?? "";
  if (/^http:\/\//i.test(target) && URL.canParse(target)) {
    const { host, pathname, search } = new URL(target);
    request.url = `${pathname}${search}`;
    request.headers.host = host;
  }
  return request.headers.host || undefined;
}

async function listen(server: Server, port: number, host: string): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ port, host }, () => {
        server.removeListener("error", reject);
        resolve();
      });
    });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === "EADDRINUSE" ? "is taken" : `cannot be had (${code ?? "unknown"})`;
    throw new GalleyError("port_in_use", `the ingress cannot listen: port ${port} of ${host} ${why}`, {
      hint: "Stop what listens there, or choose another port (GALLEY_INGRESS_PORT).",
      cause: error,
    });
  }
}

async function close(server: Server, upgraded: ReadonlySet<Socket>): Promise<void> {
  const done = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeIdleConnections();
  for (const socket of upgraded) socket.end();
  const timer = setTimeout(() => {
    server.closeAllConnections();
    for (const socket of upgraded) socket.destroy();
  }, DRAIN_MS);
  await done;
  clearTimeout(timer);
}
