import { createHash } from "node:crypto";
import type { ContextTree, TreeEntry } from "../fsutil/tree.js";
import { contentTime } from "./content-time.js";
import { createIndexedTree } from "./indexed-tree.js";

interface FileEntry extends TreeEntry {
  readonly content: Uint8Array;
}

/**
 * A small tree in memory, by path with `/` between components: a Dockerfile from stdin, a generated one, an empty context.
 * Files are 0644 and have times made from their content. Throws `context_invalid` for paths that are not clean.
 */
export function createFilesTree(files: ReadonlyMap<string, Uint8Array | string>): ContextTree {
  const entries: FileEntry[] = [];
  for (const [path, text] of files) {
    const content = typeof text === "string" ? Buffer.from(text) : text;
    const modTime = contentTime(createHash("sha256").update(content).digest());
    entries.push({
      path: Buffer.from(path),
      mode: 0o644,
      uid: 0,
      gid: 0,
      size: content.length,
      modTime,
      content,
    });
  }
  return createIndexedTree(entries, async function* (entry) {
    yield entry.content;
  });
}
