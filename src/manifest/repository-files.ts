import type { ContextTree, TreeEntry } from "../buildkit/index.js";

/** A repository at a commit, file by file. What git says of a commit has this shape, too (`CommitFiles` of the room `source`). */
export interface RepositoryFiles {
  /** What is at these paths; those that are not there are left out. Modes as git writes them: `120000` is a link, `160000` a submodule. */
  lookup(
    paths: readonly string[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, { readonly mode: string }>>;
  /** Content of a regular file; undefined when there is none, or it is larger than `limit` bytes. */
  read(path: string, limit: number, signal: AbortSignal): Promise<Uint8Array | undefined>;
}

const directoryBit = 2 ** 31;
const linkBit = 2 ** 27;

/** The same of a tree that is served as a build context, such as a directory on disk. The caller closes the tree. */
export function filesOfTree(tree: ContextTree): RepositoryFiles {
  async function* entriesOf(paths: readonly string[], signal: AbortSignal): AsyncGenerator<TreeEntry> {
    const literal = paths.map((path) => path.replace(/[\\*?[\]!]/g, "\\$&"));
    if (literal.length === 0) return;
    yield* tree.entries({ includePatterns: literal, excludePatterns: [], followPaths: [] }, signal);
  }
  return {
    async lookup(paths, signal) {
      const wanted = new Set(paths);
      const found = new Map<string, { readonly mode: string }>();
      for await (const entry of entriesOf(paths, signal)) {
        const path = entry.path.toString();
        if (wanted.has(path)) found.set(path, { mode: modeOf(entry) });
        if (found.size === wanted.size) break;
      }
      return found;
    },
    async read(path, limit, signal) {
      for await (const entry of entriesOf([path], signal)) {
        if (entry.path.toString() !== path || modeOf(entry) !== "100644" || entry.size > limit) continue;
        const chunks: Uint8Array[] = [];
        for await (const chunk of tree.read(entry, signal)) chunks.push(chunk);
        return Buffer.concat(chunks);
      }
      return undefined;
    },
  };
}

function modeOf({ mode, linkname, size }: TreeEntry): string {
  if (Math.floor(mode / linkBit) % 2 === 1) return "120000";
  if (mode >= directoryBit) return "040000";
  return linkname && size === 0 ? "120000" : "100644";
}
