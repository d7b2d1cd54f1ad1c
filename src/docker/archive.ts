import { posix } from "node:path";
import { engineError, statusOf } from "./api-error.js";
import type { Docker } from "./connect.js";
import { type TarEntry, tarOf } from "./tar.js";
import { within } from "./within.js";

/** A file for a container. It is root's. */
export interface ContainerFile {
  /** Absolute path inside. */
  readonly target: string;
  readonly content: Buffer;
  /** For example 0o444. */
  readonly mode: number;
}

/**
 * Puts files into a container, running or not, over those that are there; directories that are missing are made (0755). Of what
 * is there only these files change.
 *
 * @throws container_failed when a path cannot be: a file is where a directory would have to be
 */
export async function putFiles(
  docker: Docker,
  id: string,
  files: readonly ContainerFile[],
  signal: AbortSignal,
): Promise<void> {
  for (const { target, content, mode } of files) {
    const path = posix.normalize(target);
    const missing: string[] = [];
    let directory = posix.dirname(path);
    try {
      while (directory !== "/" && !(await isThere(docker, id, directory, signal))) {
        missing.unshift(posix.basename(directory));
        directory = posix.dirname(directory);
      }
      const made = missing.map((_, index) => missing.slice(0, index + 1).join("/"));
      const entries: TarEntry[] = [
        ...made.map((name) => ({ name: `${name}/`, mode: 0o755, content: Buffer.alloc(0) })),
        { name: [...missing, posix.basename(path)].join("/"), mode, content },
      ];
      const put = (abortSignal: AbortSignal) =>
        docker
          .getContainer(id)
          .putArchive(tarOf(entries), { path: directory, noOverwriteDirNonDir: "1", abortSignal });
      await within(signal, put);
    } catch (error) {
      const status = statusOf(error);
      if (status === 400 || status === 403)
        throw engineError(
          `the file ${target} cannot be put into the container`,
          error,
          signal,
          "container_failed",
        );
      throw engineError(`the file ${target} could not be put into container ${id}`, error, signal);
    }
  }
}

/** The mode of a file in a container, running or not: of 0o755 the last nine bits. Undefined when it is not there. */
export async function fileMode(
  docker: Docker,
  id: string,
  path: string,
  signal: AbortSignal,
): Promise<number | undefined> {
  try {
    const told = await within(signal, (abortSignal) =>
      docker.getContainer(id).infoArchive({ path, abortSignal }),
    );
    const header = (told as unknown as { headers: Record<string, unknown> }).headers[
      "x-docker-container-path-stat"
    ];
    const stat: unknown = JSON.parse(Buffer.from(String(header), "base64").toString());
    const { mode } = Object(stat) as { mode?: unknown };
    return typeof mode === "number" ? mode & 0o777 : 0;
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw engineError(`the file ${path} of container ${id} could not be looked at`, error, signal);
  }
}

async function isThere(docker: Docker, id: string, path: string, signal: AbortSignal): Promise<boolean> {
  try {
    await within(signal, (abortSignal) => docker.getContainer(id).infoArchive({ path, abortSignal }));
    return true;
  } catch (error) {
    if (statusOf(error) === 404) return false;
    throw error;
  }
}
