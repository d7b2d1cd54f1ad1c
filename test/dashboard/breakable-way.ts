import { connect, createServer, type Socket } from "node:net";

export interface BreakableWay {
  readonly url: string;
  /** Cuts every connection, and takes no new one. */
  cut(): Promise<void>;
  /** Takes connections again, at the same address. */
  mend(): Promise<void>;
  close(): Promise<void>;
}

/** Another address of a server, on which connections can be lost. */
export async function breakableWay(to: string): Promise<BreakableWay> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(new URL(to).port), "127.0.0.1");
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket
        .on("error", () => {})
        .on("close", () => {
          sockets.delete(socket);
          near.destroy();
          far.destroy();
        });
    }
    near.pipe(far).pipe(near);
  });
  let port = 0;
  const mend = () =>
    new Promise<void>((resolve, reject) => {
      server.once("error", reject).listen(port, "127.0.0.1", resolve);
    });
  const cut = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  await mend();
  port = (server.address() as { port: number }).port;
  return {
    url: `http://127.0.0.1:${port}`,
    cut,
    mend,
    close: () => (server.listening ? cut() : Promise.resolve()),
  };
}
