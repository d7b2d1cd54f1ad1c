import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { GalleyError } from "../../errors/index.js";

/**
 * Holds a directory for this process alone; resolves with what releases it. The lock is a listening Unix socket beside the directory:
 * the kernel ends it with its process, however that dies, and unlike a file with a process id it is not mistaken for alive when a
 * container starts again and has the same id. Throws `database_busy` while another process holds it.
 */
export async function lockDirectory(directory: string): Promise<() => Promise<void>> {
  const path = socketPath(resolve(directory));
  for (let attempt = 0; ; attempt++) {
    const server = createServer((socket) => socket.destroy());
    const taken = await listen(server, path);
    if (!taken) return () => new Promise((done) => server.close(() => done()));
    if (attempt > 0 || (await answers(path)))
      throw new GalleyError(
        "database_busy",
        `Another server has the embedded database in ${directory} open.`,
        {
          hint: "Stop that server, give this one another GALLEY_DATA_DIR, or use Postgres (GALLEY_DATABASE_URL) for both.",
        },
      );
    await rm(path, { force: true });
  }
}

/** A socket's path may have 107 bytes (104 on macOS); a longer one moves to the directory for temporary files. */
function socketPath(directory: string): string {
  const beside = `${directory}.lock`;
  if (Buffer.byteLength(beside) < 104) return beside;
  return join(tmpdir(), `galley-${createHash("sha256").update(directory).digest("hex").slice(0, 16)}.lock`);
}

/** Resolves with true when the path is taken. */
function listen(server: Server, path: string): Promise<boolean> {
  return new Promise((done, fail) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE"
        ? done(true)
        : fail(
            new GalleyError("database_unreachable", `The lock ${path} cannot be made: ${error.message}.`, {
              hint: "See that the server may write to GALLEY_DATA_DIR.",
            }),
          ),
    );
    server.listen(path, () => done(false));
    // It keeps no process alive.
    server.unref();
  });
}

/** Does a process listen there? A socket that was left by a dead one refuses at once. */
function answers(path: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(path);
    socket.setTimeout(2000, () => finish(true));
    socket.once("connect", () => finish(true));
    socket.once("error", () => finish(false));
    const finish = (alive: boolean) => {
      socket.destroy();
      done(alive);
    };
  });
}
