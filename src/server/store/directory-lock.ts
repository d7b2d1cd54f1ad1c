import { createHash, randomBytes } from "node:crypto";
import { rename, rm } from "node:fs/promises";
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
  for (const path of socketPaths(resolve(directory)))
    for (let attempt = 0; ; attempt++) {
      const server = createServer((socket) => socket.destroy());
      const outcome = await listen(server, path);
      if (outcome === "held") return () => new Promise((done) => server.close(() => done()));
      if (outcome === "unsupported") break;
      if (attempt > 1 || !(await removeDead(path)))
        throw new GalleyError(
          "database_busy",
          `Another server has the embedded database in ${directory} open.`,
          {
            hint: "Stop that server, give this one another GALLEY_DATA_DIR, or use Postgres (GALLEY_DATABASE_URL) for both.",
          },
        );
    }
  throw cannotLock(directory, "no file system here takes sockets");
}

/**
 * Beside the directory, so that it holds between containers that share it; or among the temporary files, where a path is too long (a
 * socket's may have 107 bytes, 104 on macOS) or the file system has no sockets, as some that are shared with a virtual machine.
 */
function socketPaths(directory: string): string[] {
  const beside = `${directory}.lock`;
  const name = createHash("sha256").update(directory).digest("hex").slice(0, 16);
  const temporary = join(tmpdir(), `galley-${name}.lock`);
  return Buffer.byteLength(beside) < 104 ? [beside, temporary] : [temporary];
}

/**
 * Removes the socket of a process that is no more; false when one listens. It is moved away before it is judged: of two that find
 * it at the same time, one must not remove what the other has just made.
 */
async function removeDead(path: string): Promise<boolean> {
  const aside = `${path}.${randomBytes(4).toString("hex")}`;
  if (await answers(path)) return false;
  try {
    await rename(path, aside);
  } catch {
    return true; // another process has removed it
  }
  const alive = await answers(aside);
  if (alive) await rename(aside, path);
  else await rm(aside, { force: true });
  return !alive;
}

const cannotLock = (path: string, reason: string) =>
  new GalleyError("database_unreachable", `The lock ${path} cannot be made: ${reason}.`, {
    hint: "See that the server may write to GALLEY_DATA_DIR.",
  });

const unsupported = new Set(["ENOTSUP", "EOPNOTSUPP", "EPERM", "EINVAL"]);

function listen(server: Server, path: string): Promise<"held" | "taken" | "unsupported"> {
  return new Promise((done, fail) => {
    server.once("error", ({ code = "", message }: NodeJS.ErrnoException) => {
      if (code === "EADDRINUSE") done("taken");
      else if (unsupported.has(code)) done("unsupported");
      else fail(cannotLock(path, message));
    });
    server.listen(path, () => done("held"));
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
