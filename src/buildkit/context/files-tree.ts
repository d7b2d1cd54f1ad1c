import { createHash } from "node:crypto";
import { BuildKitError } from "../errors.js";
import type { ContextTree, TreeEntry } from "../fsutil/tree.js";
import { contentTime } from "./content-time.js";
import { TreeIndex } from "./tree-index.js";
import { walk } from "./walk.js";

interface FileEntry extends TreeEntry {
  readonly content: Uint8Array;
}

/**
 * A small tree in memory, by path with `/` between components: a Dockerfile from stdin, a generated one, an empty context.
 * Files are 0644 and have times made from their content. Throws `context_invalid` for paths that are not clean.
 */
export function createFilesTree(files: ReadonlyMap<string, Uint8Array | string>): ContextTree {
  const index = new TreeIndex<FileEntry>();
  for (const [path, text] of files) {
    const content = typeof text === "string" ? Buffer.from(text) : text;
    const modTime = contentTime(createHash("sha256").update(content).digest());
    index.add({
      path: Buffer.from(path),
      mode: 0o644,
      uid: 0,
      gid: 0,
      size: content.length,
      modTime,
      content,
    });
  }
  return {
    entries: (filter, signal) => walk(index, filter, signal),
    async *read(entry) {
      const node = index.find(entry.path.toString());
      if (node === undefined || !("content" in node.entry)) {
        throw new BuildKitError("context_invalid", `${entry.path.toString()} is no file of this tree.`);
      }
      yield node.entry.content;
    },
    close: async () => {},
  };
}
