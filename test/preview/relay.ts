// A socket in front of an engine's, so that a test can take the engine away from one that uses it and from nobody else.
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LabEngine } from "../support/engines.js";

export interface Relay {
  readonly socketPath: string;
  /** Breaks all connections, and refuses new ones. */
  cut(): Promise<void>;
  restore(): void;
  remove(): Promise<void>;
}

export function relayTo(engine: LabEngine): Relay {
  const folder = mkdtempSync(join(tmpdir(), "galley-relay-"));
  const socketPath = join(folder, "docker.sock");
  const through = new Set<Socket>();
  const relay = createServer((from) => {
    const to = connect(engine.dockerHost.slice("unix://".length));
    for (const socket of [from, to]) {
      through.add(socket);
      socket
        .on("error", () => {})
        .on("close", () => {
          through.delete(socket);
          from.destroy();
          to.destroy();
        });
    }
    from.pipe(to).pipe(from);
  }).listen(socketPath);
  const cut = () =>
    new Promise<void>((resolve) => {
      relay.close(() => resolve());
      for (const socket of through) socket.destroy();
    });
  return {
    socketPath,
    cut,
    restore: () => void relay.listen(socketPath),
    async remove() {
      await cut();
      rmSync(folder, { recursive: true });
    },
  };
}
