import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Stands between a Galley and the engine's socket, and counts what is asked of the engine. */
export interface CountedEngine {
  /** For DOCKER_HOST. */
  readonly dockerHost: string;
  /** Requests of the engine's API since the last call. */
  calls(): number;
  close(): Promise<void>;
}

/** A request's head is the beginning of a chunk: clients of the engine wait for an answer before they ask again. */
const head = /^(GET|HEAD|POST|PUT|DELETE) \/\S* HTTP\/1\.1\r\n/;

export async function countCalls(dockerHost: string): Promise<CountedEngine> {
  // Not beside the other files: the path of a socket holds 107 bytes.
  const folder = await mkdtemp(join(tmpdir(), "galley-bench-"));
  const path = join(folder, "docker.sock");
  const open = new Set<Socket>();
  let count = 0;
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const engine = connect({ path: dockerHost.replace(/^unix:\/\//, ""), allowHalfOpen: true });
    client.on("data", (chunk: Buffer) => {
      if (head.test(chunk.toString("latin1", 0, 4096))) count += 1;
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
    calls: () => {
      const all = count;
      count = 0;
      return all;
    },
    close: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
}
