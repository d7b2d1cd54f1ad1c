import { BuildKitError } from "../errors.js";
import { textOf } from "../fsutil/anchored.js";
import { goMode, isDirectory, isSymlink } from "../fsutil/mode.js";
import type { TreeEntry } from "../fsutil/tree.js";
import { constantTime } from "./content-time.js";
import type { WalkNode, WalkSource } from "./walk.js";

interface IndexNode<E extends TreeEntry> extends WalkNode {
  readonly entry: E | TreeEntry;
  readonly children: IndexNode<E>[];
}

/** A tree that is known before it is walked: a commit's, or a handful of generated files. `E` may carry more than is sent. */
export class TreeIndex<E extends TreeEntry> implements WalkSource<IndexNode<E>, IndexNode<E>> {
  private readonly directories = new Map<string, IndexNode<E>>();
  private readonly sorted = new WeakSet<IndexNode<E>>();

  constructor() {
    this.directories.set("", { name: "", directory: true, entry: directoryEntry(""), children: [] });
  }

  /**
   * Adds one entry; missing directories above it are made (0755). Throws `context_invalid` for a path that would leave the
   * tree or that is below something that is no directory.
   */
  add(entry: E): void {
    const path = entry.path.toString("latin1");
    const parts = path.split("/");
    if (path.includes("\0") || parts.some((part) => part === "" || part === "." || part === "..")) {
      throw invalid(path, "is no clean path below the root");
    }
    const name = parts.at(-1) ?? "";
    const parent = this.directory(path.slice(0, Math.max(0, path.length - name.length - 1)));
    const directory = isDirectory(entry.mode);
    if (directory && this.directories.has(path)) throw invalid(path, "is there twice");
    const node: IndexNode<E> = { name, directory, entry, children: [] };
    parent.children.push(node);
    this.sorted.delete(parent);
    if (directory) this.directories.set(path, node);
  }

  root(): IndexNode<E> {
    return this.directory("");
  }

  list(directory: IndexNode<E>): readonly IndexNode<E>[] {
    if (!this.sorted.has(directory)) {
      directory.children.sort((left, right) =>
        left.name < right.name ? -1 : left.name > right.name ? 1 : 0,
      );
      for (const [index, node] of directory.children.entries()) {
        if (node.name === directory.children[index + 1]?.name) {
          throw invalid(node.entry.path.toString("latin1"), "is there twice");
        }
      }
      this.sorted.add(directory);
    }
    return directory.children;
  }

  open(_parent: IndexNode<E>, node: IndexNode<E>): IndexNode<E> {
    return node;
  }

  close(): void {}

  entry(_parent: IndexNode<E>, node: IndexNode<E>): E | TreeEntry {
    return node.entry;
  }

  text(path: string): string {
    return textOf(path);
  }

  passable(): boolean {
    return false;
  }

  readLink(path: string): string | undefined {
    const bytes = Buffer.from(path).toString("latin1");
    const slash = bytes.lastIndexOf("/");
    const parent = this.directories.get(bytes.slice(0, Math.max(0, slash)));
    const entry = parent?.children.find((node) => node.name === bytes.slice(slash + 1))?.entry;
    return entry !== undefined && isSymlink(entry.mode) ? entry.linkname?.toString() : undefined;
  }

  names(path: string): readonly string[] | undefined {
    const directory = this.directories.get(path === "." ? "" : Buffer.from(path).toString("latin1"));
    return directory?.children.map((node) => textOf(node.name));
  }

  private directory(path: string): IndexNode<E> {
    const known = this.directories.get(path);
    if (known !== undefined) return known;
    const slash = path.lastIndexOf("/");
    const parent = this.directory(path.slice(0, Math.max(0, slash)));
    const name = path.slice(slash + 1);
    const made: IndexNode<E> = { name, directory: true, entry: directoryEntry(path), children: [] };
    parent.children.push(made);
    this.sorted.delete(parent);
    this.directories.set(path, made);
    return made;
  }
}

function directoryEntry(path: string): TreeEntry {
  const mode = (goMode.directory | 0o755) >>> 0;
  return { path: Buffer.from(path, "latin1"), mode, uid: 0, gid: 0, size: 0, modTime: constantTime };
}

function invalid(path: string, what: string): BuildKitError {
  return new BuildKitError("context_invalid", `The entry ${JSON.stringify(textOf(path))} ${what}.`);
}
