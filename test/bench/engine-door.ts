import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A socket in front of an engine's, at which all that is asked of the engine passes by. */
export interface EngineDoor {
  /** For DOCKER_HOST. */
  readonly dockerHost: string;
  close(): Promise<void>;
}

/** `onAsked` gets each chunk that a client sends. */
export async function standBefore(dockerHost: string, onAsked: (chunk: Buffer) => void): Promise<EngineDoor> {
  // Not beside the other files: the path of a socket holds 107 bytes.
  const folder = await mkdtemp(join(tmpdir(), "galley-bench-"));
  const path = join(folder, "docker.sock");
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const engine = connect({ path: dockerHost.replace(/^unix:\/\//, ""), allowHalfOpen: true });
    client.on("data", onAsked);
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
    close: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
}
