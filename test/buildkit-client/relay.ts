// Stand-ins for daemons that cannot be had here. Each listens as such a daemon would, and hands the gRPC bytes to the
// BuildKit of a real engine through its `POST /grpc`: what is tested is the way there, and what answers is real.
import {
  createServer as createHttp,
  type Server as HttpServer,
  type IncomingMessage,
  request,
  type ServerResponse,
} from "node:http";
import { type AddressInfo, createServer as createNet, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { createServer as createTls, type TlsOptions } from "node:tls";

/** A raw HTTP/2 connection to the BuildKit of the engine behind a Unix socket. */
export function upgradedGrpc(engineSocket: string): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const call = request({
      socketPath: engineSocket,
      method: "POST",
      path: "/grpc",
      headers: { Connection: "Upgrade", Upgrade: "h2c", Host: "docker" },
    });
    call.once("upgrade", (_answer, socket, head) => {
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    call.once("error", reject);
    call.end();
  });
}

function join(a: Duplex, b: Duplex): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.on("error", () => to.destroy());
    from.once("close", () => to.destroy());
    from.pipe(to);
  }
}

export interface Relay {
  readonly address: string;
  close(): Promise<void>;
}

async function listening(
  server: Server | HttpServer,
  at: string | number,
  sockets: Set<Duplex>,
): Promise<Relay> {
  await new Promise<void>((resolve) => {
    if (typeof at === "string") server.listen(at, resolve);
    else server.listen(at, "127.0.0.1", resolve);
  });
  const address = typeof at === "string" ? at : `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    address,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** Listens as a buildkitd does: gRPC from the first byte, over TLS where options are given. */
export async function buildkitdRelay(
  engineSocket: string,
  at: string | number,
  tls?: TlsOptions,
): Promise<Relay> {
  const sockets = new Set<Duplex>();
  const accept = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
    void upgradedGrpc(engineSocket).then(
      (grpc) => join(socket, grpc),
      () => socket.destroy(),
    );
  };
  const server = tls === undefined ? createNet(accept) : createTls({ ...tls, ALPNProtocols: ["h2"] }, accept);
  // A client that is refused by TLS: it hears of it itself.
  server.on("tlsClientError", () => {});
  return await listening(server, at, sockets);
}

/** Listens as a Docker Engine of API 1.53 does: HTTP/2 from the first byte is gRPC, HTTP/1 is the engine's API. */
export async function newEngineRelay(
  engineSocket: string,
  at: string,
  options: { readonly http2: boolean },
): Promise<Relay> {
  const sockets = new Set<Duplex>();
  const http = createHttp((ask: IncomingMessage, answer: ServerResponse) => {
    answer.setHeader("Api-Version", "1.53");
    if (ask.url === "/version") {
      answer.end(JSON.stringify({ Version: "29.1.0", ApiVersion: "1.53", Os: "linux", Arch: "amd64" }));
    } else {
      answer.statusCode = 404;
      answer.end("{}");
    }
  });
  http.on("upgrade", (ask: IncomingMessage, socket: Duplex) => {
    // The versions above the real engine's are not known to it.
    const headers = Object.entries(ask.headersDistinct).map(([key, values = []]) => [
      key,
      key.startsWith("x-docker") ? values : values.join(),
    ]);
    const call = request({
      socketPath: engineSocket,
      method: "POST",
      path: (ask.url ?? "").replace(/^\/v1\.\d+/, ""),
      headers: Object.fromEntries(headers),
    });
    call.once("upgrade", (_answer, upstream, head) => {
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n`);
      if (head.length > 0) upstream.unshift(head);
      join(socket, upstream);
    });
    call.once("error", () => socket.destroy());
    call.end();
  });
  const server = createNet((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
    socket.once("data", (first) => {
      socket.pause();
      socket.unshift(first);
      if (first.toString("latin1").startsWith("PRI * HTTP/2.0")) {
        if (options.http2) void upgradedGrpc(engineSocket).then((grpc) => join(socket, grpc));
        else socket.destroy();
      } else {
        http.emit("connection", socket);
        socket.resume();
      }
    });
  });
  return await listening(server, at, sockets);
}
