import { type AddressInfo, createServer } from "node:net";
import { BuildKitError } from "../errors.js";

/** A target that grpc-js can dial, and that nothing ever speaks through. */
export interface Doorbell {
  /** `127.0.0.1:PORT`. */
  readonly target: string;
  close(): void;
}

/**
 * grpc-js can only dial sockets itself, and then hands the socket to the channel's credentials, which may return another
 * stream (see channel.ts). So it is given an address that always answers, and the real stream is dialled by us: that
 * keeps grpc-js's redial and back-off for TLS, HTTP upgrades, ssh and exec alike, and keeps the errors ours. Whoever else
 * connects is hung up on without a byte read.
 */
export async function openDoorbell(): Promise<Doorbell> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.end();
    socket.resume();
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) =>
      reject(
        new BuildKitError(
          "daemon_unreachable",
          "No port of 127.0.0.1 could be opened for the connection to BuildKit",
          {
            hint: "Check that the loopback interface is up.",
            cause,
          },
        ),
      ),
    );
    server.listen({ host: "127.0.0.1", port: 0, backlog: 64 }, resolve);
  });
  server.unref();
  const { port } = server.address() as AddressInfo;
  return { target: `127.0.0.1:${port}`, close: () => server.close() };
}
