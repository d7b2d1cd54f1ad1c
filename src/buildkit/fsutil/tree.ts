/** One file, directory or link of a tree that is sent to or received from the daemon. */
export interface TreeEntry {
  /** Path below the root: raw bytes, `/` between components, none leading or trailing. */
  readonly path: Buffer;
  /** Go's `os.FileMode` as an unsigned 32-bit number (BUILDKIT: dir 1<<31, symlink 1<<27 ...), not `st_mode`. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes; 0 for anything but a regular file. A hard link has the size of its file. */
  readonly size: number;
  /** Nanoseconds since 1970. */
  readonly modTime: bigint;
  /** Target of a symlink, or of a hard link the path of the first occurrence. */
  readonly linkname?: Buffer;
}

/** What the daemon asks for: moby's patternmatcher patterns. Empty lists mean no restriction. */
export interface TreeFilter {
  readonly includePatterns: readonly string[];
  readonly excludePatterns: readonly string[];
  /** Paths wanted by COPY/ADD: their globs are expanded and the links on the way are followed, all inside the root. */
  readonly followPaths: readonly string[];
}

/**
 * A tree that can be served as a build context: a directory, a commit's tree, an unpacked tar. Implementations never
 * hand out anything outside the root, whatever links say.
 */
export interface ContextTree {
  /** Entries that pass the filter, in protocol order (bytewise by component, `/` lowest), parents before children. */
  entries(filter: TreeFilter, signal: AbortSignal): AsyncIterable<TreeEntry>;
  /**
   * Content of a regular file that `entries` returned, in chunks. Throws `context_changed` when it vanished, or when
   * its size is no longer what `entries` said: a layer is never built from half a file.
   */
  read(entry: TreeEntry, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Releases what the tree holds (child processes, descriptors). Idempotent. */
  close(): Promise<void>;
}
