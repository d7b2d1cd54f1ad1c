import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Server, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Duplex, pipeline } from "node:stream";

/**
 * A kernel socket that carries what `duplex` carries; a socket is returned as it is. node:http2 serves other streams through
 * an adapter (JSStreamSocket) whose assertions end the process when the stream goes away at the wrong moment, seen on Node
 * 20.20: destroying the stream before the settings frame was written is enough. A daemon must not be able to do that to us.
 */
export async function asSocket(duplex: Duplex, signal: AbortSignal): Promise<Socket> {
  if (duplex instanceof Socket) return duplex;
  const [near, far] = await socketPairFor(duplex, signal);
  const end = () => {
    duplex.destroy();
    far.destroy();
  };
  pipeline(duplex, far, end);
  pipeline(far, duplex, end);
  return near;
}

/** Two kernel sockets, connected with each other. Destroys `duplex` when they cannot be had. */
export async function socketPairFor(duplex: Duplex, signal: AbortSignal): Promise<[Socket, Socket]> {
  // Until it is connected to something, nobody else would hear of it, and an error that nobody hears ends the process.
  duplex.on("error", () => {});
  // mkdtemp makes the directory 0700: nobody else can connect.
  const directory = await mkdtemp(join(tmpdir(), "session-"));
  const server = createServer();
  try {
    const pair = await connectedPair(server, join(directory, "s"), signal);
    // It went away meanwhile, and would never say so again.
    if (duplex.destroyed) for (const socket of pair) socket.destroy();
    return pair;
  } catch (error) {
    duplex.destroy();
    throw error;
  } finally {
    server.close();
    await rm(directory, { recursive: true, force: true });
  }
}

async function connectedPair(server: Server, path: string, signal: AbortSignal): Promise<[Socket, Socket]> {
  server.listen(path);
  await once(server, "listening", { signal });
  const accepted = once(server, "connection", { signal });
  const near = connect(path);
  const [[far]] = await Promise.all([accepted as Promise<[Socket]>, once(near, "connect", { signal })]);
  return [near, far];
}
