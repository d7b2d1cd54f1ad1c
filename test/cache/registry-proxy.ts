// A registry that dies when a test wants it to: what it is asked goes to another one, until everything is cut off.
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** What is asked for that it dies of: `blob` before any of its bytes are sent, `half-blob` when some are. */
export type Death = "blob" | "half-blob";

export interface RegistryProxy {
  /** host:port */
  readonly host: string;
  /** From now on it dies as soon as that is asked for. */
  diesOf(death: Death): void;
  readonly isDead: boolean;
  close(): Promise<void>;
}

/** Blobs that are larger are layers of a test, and what is smaller describes them. */
const layerBytes = 1_000_000;

/** @param to host:port of a registry */
export async function registryProxy(to: string): Promise<RegistryProxy> {
  const sockets = new Set<Socket>();
  let deathBy: Death | undefined;
  let dead = false;
  const die = () => {
    dead = true;
    server.close();
    for (const socket of sockets) socket.resetAndDestroy();
  };
  const pass = (from: IncomingMessage, answer: ServerResponse) => {
    const { method, headers } = from;
    const url = from.url ?? "/";
    const isBlob = method === "GET" && /\/blobs\/sha256:/.test(url);
    if (isBlob && deathBy === "blob") return die();
    const asking = request(`http://${to}${url}`, { method, headers }, (given) => {
      const { statusCode = 502, headers: told } = given;
      const length = Number(told["content-length"]);
      answer.writeHead(statusCode, {
        ...told,
        // Uploads go on where the registry says, and that is here.
        ...(told.location ? { location: told.location.replace(to, host) } : {}),
      });
      if (!(isBlob && deathBy === "half-blob" && length > layerBytes)) return void given.pipe(answer);
      let sent = 0;
      given.on("data", (piece: Buffer) => {
        if (dead) return;
        sent += piece.length;
        answer.write(piece);
        if (sent > length / 2) die();
      });
    });
    asking.on("error", () => answer.destroy());
    from.pipe(asking);
  };
  const server = createServer(pass);
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    diesOf(death) {
      deathBy = death;
    },
    get isDead() {
      return dead;
    },
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
