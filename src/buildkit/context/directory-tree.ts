import { realpathSync, statSync } from "node:fs";
import { BuildKitError } from "../errors.js";
import type { ContextTree } from "../fsutil/tree.js";
import { DiskWalk } from "./disk-walk.js";
import { errorCode, readUnchanged } from "./read-file.js";
import { walk } from "./walk.js";

export interface DirectoryTreeOptions {
  /** Called for what cannot be part of an image's context: sockets and device nodes. */
  readonly onSkipped?: (path: string, kind: "socket" | "device") => void;
}

/**
 * A directory on disk as a build context. Nothing outside of it is ever served: links are sent as links, and directories are
 * opened from one another, so that swapping one for a link leads nowhere. Owners are sent as 0:0, as the Docker CLI does;
 * hard links as such; extended attributes not at all, because Node cannot read them. `entries` throws `context_invalid`
 * naming what cannot be read, and `context_changed` for what is exchanged while it is being walked.
 *
 * Throws `context_not_found` when `root` is not there, `context_invalid` when it is no directory.
 */
export function createDirectoryTree(root: string, options: DirectoryTreeOptions = {}): ContextTree {
  const directory = resolveRoot(root);
  return {
    entries: (filter, signal) => walk(new DiskWalk(directory, options.onSkipped), filter, signal),
    read: (entry, signal) => readUnchanged(directory, entry, signal),
    close: async () => {},
  };
}

function resolveRoot(root: string): string {
  let resolved: string;
  try {
    resolved = realpathSync(root);
    if (statSync(resolved).isDirectory()) return resolved;
  } catch (error) {
    const code = errorCode(error);
    const missing = code === "ENOENT" || code === "ENOTDIR";
    throw new BuildKitError(
      missing ? "context_not_found" : "context_invalid",
      missing
        ? `The build context ${root} does not exist.`
        : `The build context ${root} cannot be opened (${code}).`,
      { hint: "Give the path of a directory, a git or http URL, or - for stdin.", cause: error },
    );
  }
  throw new BuildKitError("context_invalid", `The build context ${root} is no directory.`, {
    hint: "Give the directory that holds the files; the Dockerfile is named with --file.",
  });
}
