import type { ContextTree, TreeEntry } from "../fsutil/tree.js";
import { TreeIndex } from "./tree-index.js";
import { walk } from "./walk.js";

/**
 * A context tree whose entries are all known beforehand, in any order; missing directories are made up. `read` is given the
 * very objects that were passed in. Throws `context_invalid` for paths that are not clean, or that are there twice.
 */
export function createIndexedTree<E extends TreeEntry>(
  entries: Iterable<E>,
  read: (entry: E, signal: AbortSignal) => AsyncIterable<Uint8Array>,
  close: () => Promise<void> = async () => {},
): ContextTree {
  const index = new TreeIndex<E>();
  for (const entry of entries) index.add(entry);
  return {
    entries: (filter, signal) => walk(index, filter, signal),
    // Only entries of this index are regular files: directories that were made up have no content.
    read: (entry, signal) => read(entry as E, signal),
    close,
  };
}
