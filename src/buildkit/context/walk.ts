import { Breath } from "../fsutil/breath.js";
import type { TreeEntry, TreeFilter } from "../fsutil/tree.js";
import { dropNested, followLinks, type LinkLookup } from "./follow-links.js";
import { PathFilter, type Verdict } from "./path-filter.js";

/** A name in a directory. `name` is what sorts it: bytes as characters (latin1). */
export interface WalkNode {
  readonly name: string;
  readonly directory: boolean;
}

/** What a walk asks of a kind of tree. `D` is an open directory, `N` what is found in it. */
export interface WalkSource<D, N extends WalkNode> extends LinkLookup {
  root(): D;
  /** The nodes of a directory, sorted by name. */
  list(directory: D): readonly N[] | Promise<readonly N[]>;
  /** Opens a directory found in another. */
  open(parent: D, node: N): D;
  close(directory: D): void;
  /** What is sent for a node; undefined for what is left out. `path` is that of `node`, as latin1. */
  entry(parent: D, node: N, path: string): TreeEntry | undefined;
  /** The node's path as text, for patterns. */
  text(path: string): string;
  /** Whether a directory that nobody wants may be passed over because of this error (unreadable, vanished). */
  passable(error: unknown): boolean;
}

interface Frame<D, N> {
  readonly directory: D;
  readonly nodes: readonly N[];
  next: number;
  /** Path with a slash behind it; empty for the root. */
  readonly prefix: string;
  readonly verdict: Verdict | undefined;
  /** The directory's own entry while nothing below it was wanted yet. */
  held: TreeEntry | undefined;
}

/** Walks a tree in the order of the protocol and yields what passes the filter, parents before children. */
export async function* walk<D, N extends WalkNode>(
  source: WalkSource<D, N>,
  filter: TreeFilter,
  signal: AbortSignal,
): AsyncGenerator<TreeEntry, void, undefined> {
  const paths = new PathFilter(await includes(source, filter), filter.excludePatterns);
  const breath = new Breath();
  const frames: Frame<D, N>[] = [];
  const enter = async (
    open: () => D,
    prefix: string,
    verdict: Verdict | undefined,
    held: TreeEntry | undefined,
  ) => {
    let directory: D | undefined;
    try {
      directory = open();
      frames.push({ directory, nodes: await source.list(directory), next: 0, prefix, verdict, held });
    } catch (error) {
      if (directory !== undefined) source.close(directory);
      if (verdict?.action !== "hold" || !source.passable(error)) throw error;
    }
  };
  try {
    await enter(() => source.root(), "", undefined, undefined);
    for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
      const node = frame.nodes[frame.next++];
      if (node === undefined) {
        frames.pop();
        source.close(frame.directory);
        continue;
      }
      signal.throwIfAborted();
      const rest = breath.taken();
      if (rest !== undefined) await rest;
      const path = frame.prefix + node.name;
      const verdict = paths.open ? undefined : paths.judge(source.text(path), node.directory, frame.verdict);
      if (verdict?.action === "prune") continue;
      const entry = source.entry(frame.directory, node, path);
      if (entry === undefined) continue;
      const held = verdict?.action === "hold";
      if (!held) {
        for (const above of frames) {
          if (above.held === undefined) continue;
          yield above.held;
          above.held = undefined;
        }
        yield entry;
      }
      if (node.directory) {
        const { directory } = frame;
        await enter(() => source.open(directory, node), `${path}/`, verdict, held ? entry : undefined);
      }
    }
  } finally {
    for (const { directory } of frames) source.close(directory);
  }
}

async function includes(lookup: LinkLookup, filter: TreeFilter): Promise<readonly string[] | undefined> {
  if (filter.followPaths.length === 0) return filter.includePatterns;
  const followed = await followLinks(lookup, filter.followPaths);
  if (followed === undefined) return filter.includePatterns;
  return dropNested([...filter.includePatterns, ...followed.map(withoutEdgeBlanks)]);
}

/** Patterns are trimmed when they are read, and would then name another file: buildx cannot COPY " name" by its name. */
function withoutEdgeBlanks(path: string): string {
  return path.replace(/^[ \t]|[ \t]$/g, (blank) => `[${blank}]`);
}
