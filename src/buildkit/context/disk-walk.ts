import { type BigIntStats, type Dirent, lstatSync, readdirSync, readlinkSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { BuildKitError } from "../errors.js";
import { AnchoredDirectory, textOf } from "../fsutil/anchored.js";
import { goModeOf } from "../fsutil/mode.js";
import { type DiskEntry, errorCode } from "./read-file.js";
import type { WalkNode, WalkSource } from "./walk.js";

/** An open directory and its path below the root, with a slash behind it (latin1; empty for the root). */
interface OpenDirectory {
  readonly anchor: AnchoredDirectory;
  readonly prefix: string;
}

/** A directory that takes more than this may have so many names that reading it at once would be felt. */
const largeDirectoryBytes = 256 * 1024;

/** One walk over a directory on disk. */
export class DiskWalk implements WalkSource<OpenDirectory, WalkNode> {
  private readonly rootPath: string;
  private readonly onSkipped: ((path: string, kind: "socket" | "device") => void) | undefined;
  /** First path of each file with several names, by device and inode. */
  private readonly linked = new Map<string, Buffer>();

  constructor(rootPath: string, onSkipped?: (path: string, kind: "socket" | "device") => void) {
    this.rootPath = rootPath;
    this.onSkipped = onSkipped;
  }

  root(): OpenDirectory {
    return this.opening("", () => AnchoredDirectory.open(this.rootPath));
  }

  open(parent: OpenDirectory, node: WalkNode): OpenDirectory {
    return this.opening(`${parent.prefix}${node.name}/`, () => parent.anchor.child(node.name));
  }

  close(directory: OpenDirectory): void {
    directory.anchor.release();
  }

  list(directory: OpenDirectory): readonly WalkNode[] | Promise<readonly WalkNode[]> {
    const path = directory.anchor.at();
    const options = { encoding: "buffer", withFileTypes: true } as const;
    try {
      if (lstatSync(path).size <= largeDirectoryBytes) return sortedNodes(readdirSync(path, options));
      return readdir(path, options).then(sortedNodes, (error: unknown) => {
        throw unreadable(directory.prefix, error);
      });
    } catch (error) {
      throw unreadable(directory.prefix, error);
    }
  }

  entry(parent: OpenDirectory, node: WalkNode, path: string): DiskEntry | undefined {
    try {
      const stat = lstatSync(parent.anchor.at(node.name), { bigint: true });
      // What the name is decided how the filter saw it, and whether it is entered.
      if (stat.isDirectory() !== node.directory) throw exchanged(path);
      if (stat.isSocket()) return this.skip(path, "socket");
      if (stat.isBlockDevice() || stat.isCharacterDevice()) return this.skip(path, "device");
      return this.describe(parent, node, path, stat);
    } catch (error) {
      // Gone before it was announced: it is as if it had never been there.
      if (errorCode(error) === "ENOENT") return undefined;
      throw error instanceof BuildKitError ? error : unreadable(path, error);
    }
  }

  text(path: string): string {
    return textOf(path);
  }

  passable(error: unknown): boolean {
    const cause = error instanceof BuildKitError ? error.cause : error;
    return ["EACCES", "EPERM", "ENOENT"].includes(errorCode(cause));
  }

  readLink(path: string): string | undefined {
    return this.below(path, (anchor, name) => {
      const link = readlinkSync(anchor.at(name), { encoding: "buffer" });
      return link.toString();
    });
  }

  names(path: string): readonly string[] | undefined {
    const target = path === "." ? "" : path;
    return this.below(`${target}/.`, (anchor) =>
      readdirSync(anchor.at(), { encoding: "buffer" }).map((name) => name.toString()),
    );
  }

  private describe(parent: OpenDirectory, node: WalkNode, path: string, stat: BigIntStats): DiskEntry {
    const entry = {
      path: Buffer.from(path, "latin1"),
      mode: goModeOf(Number(stat.mode)),
      uid: 0,
      gid: 0,
      size: stat.isFile() ? Number(stat.size) : 0,
      modTime: stat.mtimeNs,
      dev: stat.dev,
      ino: stat.ino,
    };
    if (stat.isSymbolicLink()) {
      return { ...entry, linkname: readlinkSync(parent.anchor.at(node.name), { encoding: "buffer" }) };
    }
    if (!stat.isFile() || stat.nlink < 2n) return entry;
    const identity = `${stat.dev}:${stat.ino}`;
    const first = this.linked.get(identity);
    // With its size: that is what the daemon compares with, and a link it takes for changed drags its file along.
    if (first !== undefined) return { ...entry, linkname: first };
    this.linked.set(identity, entry.path);
    return entry;
  }

  private skip(path: string, kind: "socket" | "device"): undefined {
    this.onSkipped?.(textOf(path), kind);
    return undefined;
  }

  private opening(prefix: string, open: () => AnchoredDirectory): OpenDirectory {
    try {
      return { anchor: open(), prefix };
    } catch (error) {
      if (error instanceof BuildKitError) throw error;
      const code = errorCode(error);
      if (code === "ELOOP" || code === "ENOTDIR") throw exchanged(prefix.slice(0, -1), error);
      throw unreadable(prefix, error);
    }
  }

  /** Does something in the directory that holds `path` (text); undefined when there is no such thing to do it to. */
  private below<T>(path: string, act: (anchor: AnchoredDirectory, name: string) => T): T | undefined {
    const parts = path.split("/").filter((part) => part !== "");
    const name = parts.pop() ?? ".";
    let anchor: AnchoredDirectory | undefined;
    try {
      anchor = AnchoredDirectory.open(this.rootPath);
      for (const part of parts) {
        const child: AnchoredDirectory = anchor.child(Buffer.from(part).toString("latin1"));
        anchor.release();
        anchor = child;
      }
      return act(anchor, Buffer.from(name).toString("latin1"));
    } catch (error) {
      // EINVAL: not a link. The others: nothing there, or something else than a directory on the way.
      if (["ENOENT", "ENOTDIR", "ELOOP", "EINVAL"].includes(errorCode(error))) return undefined;
      if (error instanceof BuildKitError) return undefined;
      throw unreadable(Buffer.from(path).toString("latin1"), error);
    } finally {
      anchor?.release();
    }
  }
}

function sortedNodes(found: Dirent<Buffer>[]): WalkNode[] {
  const nodes = found.map((entry) => ({
    name: entry.name.toString("latin1"),
    directory: entry.isDirectory(),
  }));
  return nodes.sort((left, right) => (left.name < right.name ? -1 : 1));
}

function exchanged(path: string, cause?: unknown): BuildKitError {
  return new BuildKitError("context_changed", `${textOf(path)} was exchanged while the context was read.`, {
    hint: "Build again when nothing writes to the build context.",
    cause,
  });
}

function unreadable(path: string, cause: unknown): BuildKitError {
  const name = textOf(path.replace(/\/$/, "")) || "the root of the build context";
  const code = errorCode(cause);
  if (code === "ENOENT") return exchanged(path, cause);
  return new BuildKitError("context_invalid", `Cannot read ${name} (${code}).`, {
    hint: "Make it readable, or name it in .dockerignore.",
    cause,
  });
}
