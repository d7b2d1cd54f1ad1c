import type { RepositoryFiles } from "./repository-files.js";
import type { Findings } from "./text/findings.js";
import { largestFile } from "./text/hostile.js";
import type { Place } from "./text/located.js";

/** Files that one manifest may be made of, and their bytes in all. */
const mostFiles = 100;
const mostBytes = 4 * 1024 * 1024;

/** The files of a repository within limits: how many, how large, and nothing that lies outside of it. */
export class Repository {
  readonly #files: RepositoryFiles;
  readonly #signal: AbortSignal;
  readonly #read = new Map<string, Uint8Array>();
  #bytes = 0;

  constructor(files: RepositoryFiles, signal: AbortSignal) {
    this.#files = files;
    this.#signal = signal;
  }

  /** Modes of the paths that are there. */
  async modes(paths: readonly string[]): Promise<ReadonlyMap<string, { readonly mode: string }>> {
    return this.#files.lookup(paths, this.#signal);
  }

  /** A file that may be missing, for what is looked for and not asked for. */
  async find(
    path: string,
    findings: Findings,
    place: Place = { file: path },
  ): Promise<Uint8Array | undefined> {
    const modes = await this.modes([path]);
    return modes.has(path) ? this.get(path, findings, place) : undefined;
  }

  /** A file's bytes. What is wrong with it is said at `place`; then undefined. */
  async get(path: string, findings: Findings, place: Place): Promise<Uint8Array | undefined> {
    const before = this.#read.get(path);
    if (before) return before;
    const name = path === place.file ? "" : `${path} `;
    if (this.#read.size >= mostFiles)
      return void findings.problem(place, `more than ${mostFiles} files are asked for`);
    const above = path.split("/").map((_, index, parts) => parts.slice(0, index + 1).join("/"));
    const modes = await this.modes(above);
    const link = above.find((one) => modes.get(one)?.mode === "120000");
    if (link !== undefined) {
      const what =
        link === path ? `${name}is a symbolic link` : `${name}lies behind the symbolic link ${link}`;
      return void findings.problem(
        place,
        `${what}, which is not followed; accepted: a file of the repository`,
      );
    }
    const mode = modes.get(path)?.mode;
    if (mode === undefined) return void findings.problem(place, `${name}is not in the commit`);
    if (!mode.startsWith("100")) return void findings.problem(place, `${name}is no file`);
    const bytes = await this.#files.read(path, largestFile, this.#signal);
    if (!bytes) return void findings.problem(place, `${name}is larger than ${largestFile / 1024} KiB`);
    this.#bytes += bytes.length;
    if (this.#bytes > mostBytes)
      return void findings.problem(place, `more than ${mostBytes / 1024 ** 2} MiB of files are asked for`);
    this.#read.set(path, bytes);
    return bytes;
  }
}

/**
 * A path of the repository, relative to a directory of it. Undefined for what leads out of it, or is none.
 *
 * @param directory clean; empty for the root
 */
export function pathIn(directory: string, path: string): string | undefined {
  if (path.startsWith("/") || path.startsWith("~") || /[\0\\]/.test(path)) return undefined;
  const parts = directory === "" ? [] : directory.split("/");
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return parts.join("/");
}

export const directoryOf = (path: string): string => path.split("/").slice(0, -1).join("/");
