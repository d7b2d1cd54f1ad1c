import { connect, createServer, type Socket } from "node:net";
import { expect, test } from "vitest";
import { openSession } from "./open.js";

test("a session that is closed at once survives the bytes that came with its connection", async () => {
  // The engine's first HTTP/2 bytes can come in one packet with its 101 and are then unshifted.
  const server = createServer((peer) => peer.on("error", () => {}));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const socket: Socket = connect(port, "127.0.0.1");
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  socket.unshift(Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
  const uncaught: unknown[] = [];
  const listen = (error: unknown) => uncaught.push(error);
  process.on("uncaughtException", listen);
  try {
    const session = await openSession({ dial: async () => socket, services: [] });
    await session.close();
    await new Promise((resolve) => setImmediate(resolve));
    expect(socket.destroyed).toBe(true);
    expect(uncaught).toEqual([]);
  } finally {
    process.off("uncaughtException", listen);
    server.close();
  }
});
