import { createReadStream, existsSync, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { GalleyError } from "../errors/index.js";
import { gitDirectoryOf } from "./git-process.js";
import { type LfsPointer, objectPath } from "./lfs-pointer.js";
import { commitsOf } from "./mirror-repository.js";
import type { SubmoduleLink } from "./submodules.js";

/** The content of a file that its repository does not hold. */
export interface LfsObject {
  /** Throws a `GalleyError` that says why it cannot be had. */
  read(signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** A repository that holds a submodule's commit, and where what is missing in that comes from. */
export interface SubmoduleSource {
  readonly repository: string;
  readonly sources: TreeSources;
}

/** Where a tree gets what its own repository does not hold. */
export interface TreeSources {
  /** Undefined: left out. Throws a `GalleyError` for one that should be there and cannot be had. */
  submodule(link: SubmoduleLink, signal: AbortSignal): Promise<SubmoduleSource | undefined>;
  /**
   * Undefined: the pointer is served.
   *
   * @param id of the blob that is the pointer
   */
  lfs(pointer: LfsPointer, id: string): LfsObject | undefined;
}

/**
 * What lies beside a local repository: submodules that were cloned with it (`.git/modules`), LFS objects that were fetched
 * (`.git/lfs`). Nothing is fetched from anywhere.
 */
export function localSources(repository: string): TreeSources {
  const gitDirectory = followed(gitDirectoryOf(repository));
  return {
    submodule: async ({ name, commit }, signal) => {
      // A name that leads elsewhere is an attack (CVE-2018-11235).
      if (name === undefined || name.split(/[/\\]/).includes("..")) return undefined;
      const inside = join(gitDirectory, "modules", name);
      if (!existsSync(join(inside, "HEAD"))) return undefined;
      const [found] = await commitsOf(inside, [commit], signal);
      return found === commit ? { repository: inside, sources: localSources(inside) } : undefined;
    },
    lfs: (pointer) => storedObject(commonDirectory(gitDirectory), pointer),
  };
}

/** An object in the store of a repository; undefined when it is not there in its full size. */
export function storedObject(gitDirectory: string, { oid, size }: LfsPointer): LfsObject | undefined {
  const path = join(gitDirectory, objectPath(oid));
  if (statSync(path, { throwIfNoEntry: false })?.size !== size) return undefined;
  return { read: (signal) => readStored(path, signal) };
}

/** An object that lies here. Throws `git_failed` when it was taken away meanwhile. */
export async function* readStored(path: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(path, { signal }) as AsyncIterable<Buffer>;
  } catch (error) {
    signal.throwIfAborted();
    throw new GalleyError("git_failed", "the object in the store cannot be read", { cause: error });
  }
}

/** `.git` of a worktree or submodule is a file that names the directory. */
function followed(path: string): string {
  if (statSync(path).isDirectory()) return path;
  const target = /^gitdir: (.*)$/m.exec(readFileSync(path, "utf8"))?.[1];
  return target === undefined ? path : resolve(path, "..", target);
}

/** Worktrees share what is not their own. */
function commonDirectory(gitDirectory: string): string {
  try {
    return resolve(gitDirectory, readFileSync(join(gitDirectory, "commondir"), "utf8").trim());
  } catch {
    return gitDirectory;
  }
}
