import { createHash } from "node:crypto";
import { setMaxListeners } from "node:events";
import { BuildKitError, type ContextTree, createIndexedTree } from "../buildkit/index.js";
import { abortAfter, GalleyError } from "../errors/index.js";
import { gitDirectoryOf } from "./git-process.js";
import { type CheckoutReason, LoadedTree, loadPart } from "./load-tree.js";
import { ObjectReader } from "./object-reader.js";
import { checkedRef } from "./ref-names.js";
import { readSubmodules } from "./submodules.js";
import { readFile, type TreeFile } from "./tree-file.js";
import { listLinks } from "./tree-listing.js";
import { localSources, type TreeSources } from "./tree-sources.js";

export interface GitTreeOptions {
  /** A bare repository, or a directory with a `.git`. */
  readonly repository: string;
  /** A commit id, branch, tag or other ref; `~` and `^` are understood. */
  readonly commit: string;
  /**
   * Directory inside the repository that is the root of the context; it may lie in a submodule. Default: all of it. Links
   * are not followed.
   */
  readonly subdirectory?: string;
  /** Called for every submodule that is left out. */
  readonly onSubmodule?: (path: string) => void;
  /**
   * Nanoseconds since 1970 for a file, instead of a time made from its content. For tools that compare times between builds:
   * give the same time as long as a path has the same blob, and a later one when that changes.
   */
  readonly modTime?: (path: string, blobId: string) => bigint;
  /** Where submodules and LFS objects come from. Default: what lies beside a local repository. */
  readonly sources?: TreeSources;
  /** Ends the preparation. The tree itself is ended by `close`. */
  readonly signal?: AbortSignal;
  /** Deadline of the preparation in milliseconds. Default 120,000. */
  readonly timeoutMs?: number;
}

export interface GitTree extends ContextTree {
  /**
   * Names the content: equal ids mean equal contexts. The id of the tree object that is the root; where that alone does not
   * decide (LFS objects, submodules, conversions), a digest of it and of what else does.
   */
  readonly treeId: string;
  /** Full id of the commit. */
  readonly commit: string;
  /** Empty when the tree is exactly what a checkout would have. Else the caller may want to check out instead. */
  readonly needsCheckout: readonly CheckoutReason[];
}

/**
 * A commit's tree as a build context, read from git's objects without a checkout, with the content that a checkout on Linux
 * would write: line ends, encodings and `$Id$` are converted, LFS objects stand in place of their pointers, submodules in
 * place of their links, as far as `sources` has them. Files are 0644 or 0755 and owned by root; their times are made from
 * their blob's id (`contentTime`), so that another clone or another commit sends only what differs. A tool that takes what is
 * older than its last output for unchanged (make, ninja, cargo) must not keep its output in a cache mount then: `modTime` can
 * give it times that go forward. The repository is trusted with nothing: no configuration of the caller is read, no hook or
 * filter runs.
 *
 * Throws `GalleyError`: git_missing, git_repository_invalid, git_ref_not_found, git_failed; file_not_found for the
 * subdirectory; what `sources` throws. `read` throws `BuildKitError` context_invalid when an object turns out to be missing or damaged.
 */
export async function createGitTree(options: GitTreeOptions): Promise<GitTree> {
  const { repository, modTime } = options;
  const subdirectory = cleanSubdirectory(options.subdirectory ?? "");
  const ref = checkedRef(options.commit);
  const deadline = abortAfter(options.timeoutMs ?? 120_000);
  const signal = options.signal === undefined ? deadline : AbortSignal.any([options.signal, deadline]);
  // Every object that is read listens.
  setMaxListeners(0, signal);
  const sources = options.sources ?? localSources(repository);
  signal.throwIfAborted();
  const tree = new LoadedTree();
  const abort = () => void tree.close();
  signal.addEventListener("abort", abort, { once: true });
  try {
    const root = await resolveRoot({ repository, ref, subdirectory, sources }, tree, signal);
    const { onSubmodule } = options;
    await loadPart({ ...root, prefix: Buffer.alloc(0), depth: 0 }, { tree, signal, onSubmodule });
    const indexed = createIndexedTree(
      modTime === undefined ? tree.files : tree.files.map((file) => timedBy(modTime, file)),
      readFile,
      () => tree.close(),
    );
    const treeId = contentId(root.treeId, tree);
    return { ...indexed, treeId, commit: root.outer ?? root.commit, needsCheckout: tree.reasons };
  } catch (error) {
    await tree.close();
    options.signal?.throwIfAborted();
    if (deadline.aborted)
      throw new GalleyError("git_failed", `Reading ${repository} took too long.`, { cause: error });
    if (error instanceof BuildKitError) {
      throw new GalleyError(
        "git_repository_invalid",
        `The tree of ${ref} cannot be built from: ${error.message}`,
        { cause: error },
      );
    }
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function contentId(treeId: string, { special }: LoadedTree): string {
  if (special.length === 0) return treeId;
  return createHash("sha256")
    .update([treeId, ...special.toSorted()].join("\n"))
    .digest("hex");
}

function cleanSubdirectory(path: string): string {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..") || /[\0\n]/.test(path)) {
    throw new GalleyError(
      "file_not_found",
      `The directory ${JSON.stringify(path)} is not inside the repository.`,
    );
  }
  return parts.join("/");
}

interface Place {
  readonly repository: string;
  readonly ref: string;
  readonly subdirectory: string;
  readonly sources: TreeSources;
}

interface Root {
  readonly repository: string;
  readonly commit: string;
  readonly treeId: string;
  readonly subdirectory: string;
  readonly sources: TreeSources;
  readonly reader: ObjectReader;
  /** The commit that was asked for, when the root lies in a submodule of it. */
  readonly outer: string | undefined;
}

async function resolveRoot(place: Place, tree: LoadedTree, signal: AbortSignal): Promise<Root> {
  const { repository, ref, subdirectory, sources } = place;
  const gitDirectory = gitDirectoryOf(repository);
  const reader = new ObjectReader(repository, gitDirectory);
  tree.readers.push(reader);
  const found = await reader.info(`${ref}^{commit}`);
  if (found?.type !== "commit") {
    throw new GalleyError("git_ref_not_found", `${repository} has no commit ${ref}.`, {
      hint: "Check the name; a branch or pull request that was just pushed has to be fetched first.",
    });
  }
  const commit = found.id;
  const root = await reader.info(`${commit}:${subdirectory}`);
  if (root?.type === "tree") {
    return { repository, commit, treeId: root.id, subdirectory, sources, reader, outer: undefined };
  }
  if (subdirectory === "") {
    throw new GalleyError(
      "git_repository_invalid",
      `The tree of commit ${commit} is missing in ${repository}.`,
    );
  }
  const parts = subdirectory.split("/");
  const prefixes = parts.map((_, at) => parts.slice(0, at + 1).join("/"));
  const link = root ? undefined : (await listLinks(repository, gitDirectory, commit, prefixes, signal))[0];
  if (link === undefined) {
    const what = root === undefined ? "does not exist" : "is no directory";
    throw new GalleyError("file_not_found", `${subdirectory} ${what} in commit ${commit.slice(0, 12)}.`);
  }
  const path = link.path.toString();
  const known = (await readSubmodules(reader, gitDirectory, commit, signal)).get(path);
  const inner = await sources.submodule(
    { path, commit: link.id, name: undefined, url: undefined, ...known },
    signal,
  );
  if (inner === undefined) {
    throw new GalleyError(
      "file_not_found",
      `${subdirectory} lies in the submodule ${path}, which is not here.`,
    );
  }
  const rest = subdirectory.slice(path.length + 1);
  const inside = await resolveRoot({ ...inner, ref: link.id, subdirectory: rest }, tree, signal);
  return { ...inside, outer: commit };
}

function timedBy(modTime: (path: string, blobId: string) => bigint, file: TreeFile): TreeFile {
  return file.mode > 0o777 ? file : { ...file, modTime: modTime(file.path.toString(), file.id) };
}
