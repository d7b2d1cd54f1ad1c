import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Stands between a tool and the engine's socket, and notes when BuildKit is asked for. */
export interface Doorstep {
  /** For DOCKER_HOST. */
  readonly dockerHost: string;
  /** `performance.now()` of the first request since the last call; undefined when there was none. */
  firstRequest(): number | undefined;
  close(): Promise<void>;
}

/** What a client of BuildKit sends first: the Docker API's upgrade, or HTTP/2 at once. */
const requests = ["POST /grpc", "PRI * HTTP/2.0"];
const versioned = /^POST \/v[\d.]+\/grpc/;

export async function standBefore(dockerHost: string): Promise<Doorstep> {
  // Not beside the other files: the path of a socket holds 107 bytes.
  const folder = await mkdtemp(join(tmpdir(), "galley-bench-"));
  const path = join(folder, "docker.sock");
  const open = new Set<Socket>();
  let first: number | undefined;
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const engine = connect({ path: dockerHost.replace(/^unix:\/\//, ""), allowHalfOpen: true });
    client.on("data", (chunk: Buffer) => {
      if (first !== undefined) return;
      const head = chunk.toString("latin1", 0, 64);
      if (requests.some((request) => head.startsWith(request)) || versioned.test(head))
        first = performance.now();
    });
    for (const socket of [client, engine]) {
      open.add(socket);
      socket.on("close", () => open.delete(socket));
    }
    client.on("error", () => engine.destroy());
    engine.on("error", () => client.destroy());
    client.pipe(engine);
    engine.pipe(client);
  });
  await new Promise<void>((resolve, reject) => {
    server.on("error", reject);
    server.listen(path, resolve);
  });
  return {
    dockerHost: `unix://${path}`,
    firstRequest: () => {
      const at = first;
      first = undefined;
      return at;
    },
    close: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
}
