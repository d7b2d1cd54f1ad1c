import { GalleyError } from "../errors/index.js";
import { longestPointer, parsePointer } from "./lfs-pointer.js";
import type { Mirror } from "./mirror.js";
import { mergeBases } from "./mirror-repository.js";
import { ObjectReader } from "./object-reader.js";
import { readWhole } from "./tree-file.js";
import { listTree } from "./tree-listing.js";

/** What the code of a fork goes on from: the last commit that it has in common with the repository's default branch. */
export interface ForkBase {
  /** Undefined: they have nothing in common. */
  readonly commit: string | undefined;
  /** Whether that commit has a file with this blob, or a submodule at this commit, wherever it lies. */
  has(id: string): boolean;
}

/**
 * Whoever may write a fork may name what other branches have; what stands in the tree that it goes on from is in every preview of the
 * repository itself. The remote is asked for its default branch; when it does not answer, what was fetched of that counts.
 *
 * Throws like `Mirror.fetch`.
 */
export async function forkBase(mirror: Mirror, commit: string, signal: AbortSignal): Promise<ForkBase> {
  const head = await defaultBranch(mirror, signal);
  const commits = head === undefined ? [] : await mergeBases(mirror.path, head, commit, mirror.git, signal);
  const ids = new Set<string>();
  for (const base of commits)
    for await (const { id } of listTree(mirror.path, mirror.path, base, signal)) ids.add(id);
  return { commit: commits[0], has: (id) => ids.has(id) };
}

/** Undefined where there is none. */
async function defaultBranch(mirror: Mirror, signal: AbortSignal): Promise<string | undefined> {
  const ask = { signal };
  try {
    return await mirror
      .fetch(["HEAD"], ask)
      .then((found) => found.get("HEAD"))
      .catch(async (error: unknown) => {
        if (!isGit(error, /^git_(unreachable|timeout)$/)) throw error;
        return await mirror.resolve("HEAD", ask);
      });
  } catch (error) {
    signal.throwIfAborted();
    if (isGit(error, /^git_ref_not_found$/)) return undefined;
    throw error;
  }
}

const isGit = (error: unknown, code: RegExp): boolean =>
  error instanceof GalleyError && code.test(error.code);

/**
 * Whether a fork's commit names LFS objects or submodules' commits that its base does not: images that were built with them for the
 * repository itself are not for it then. Asks nobody where it names none at all. Throws like `Mirror.fetch`.
 */
export async function namesMoreThanItsBase(
  mirror: Mirror,
  commit: string,
  signal: AbortSignal,
): Promise<boolean> {
  const reader = new ObjectReader(mirror.path, mirror.path);
  try {
    const named: string[] = [];
    const small: string[] = [];
    let attributes = false;
    for await (const { mode, id, size, path } of listTree(mirror.path, mirror.path, commit, signal)) {
      const kind = mode & 0o170000;
      if (kind === 0o160000) named.push(id);
      if (kind !== 0o100000) continue;
      if (/(^|\/)\.gitattributes$/.test(path.toString())) attributes = true;
      else if (size > 0 && size <= longestPointer) small.push(id);
    }
    // Without any nothing is read through LFS.
    if (!attributes) small.length = 0;
    if (named.length + small.length === 0) return false;
    const base = await forkBase(mirror, commit, signal);
    if (named.some((id) => !base.has(id))) return true;
    for (const id of small.filter((one) => !base.has(one))) {
      const blob = await readWhole(reader, id, signal);
      if (blob && parsePointer(blob)) return true;
    }
    return false;
  } finally {
    await reader.close();
  }
}
