import { randomBytes } from "node:crypto";
import {
  chmodSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
} from "node:fs";
import { AnchoredDirectory } from "./anchored.js";
import { chmodBits } from "./mode.js";
import type { TreeEntry } from "./tree.js";

/** Nanoseconds as the seconds that `utimes` takes: exact to a quarter of a microsecond. */
export function seconds(nanoseconds: bigint): number {
  return Number(nanoseconds / 1_000_000_000n) + Number(nanoseconds % 1_000_000_000n) / 1e9;
}

/**
 * A directory that is being received into. What is there already is replaced, a directory by a directory excepted: the two
 * are merged. Nothing is ever created through a link, because every directory is opened from the one above it.
 */
export class TargetDirectory {
  private readonly anchor: AnchoredDirectory;
  private readonly entry: TreeEntry | undefined;
  private users = 1;

  private constructor(anchor: AnchoredDirectory, entry: TreeEntry | undefined) {
    this.anchor = anchor;
    this.entry = entry;
  }

  /** The target itself: its mode and time are left alone. */
  static open(path: string): TargetDirectory {
    return new TargetDirectory(AnchoredDirectory.open(path), undefined);
  }

  at(name: string): string | Buffer {
    return this.anchor.at(name);
  }

  /** Keeps the directory open until `leave` has been called once more. */
  enter(): this {
    this.users++;
    return this;
  }

  /** Mode and time come last, with the last user: writing would change the time, and the mode may forbid writing. */
  leave(): void {
    this.users--;
    if (this.users > 0) return;
    try {
      if (this.entry !== undefined) {
        const path = this.anchor.at();
        chmodSync(path, chmodBits(this.entry.mode));
        utimesSync(path, seconds(this.entry.modTime), seconds(this.entry.modTime));
      }
    } finally {
      this.anchor.release();
    }
  }

  directory(name: string, entry: TreeEntry): TargetDirectory {
    const path = this.anchor.at(name);
    try {
      mkdirSync(path, 0o700);
    } catch (error) {
      if (!isThere(error)) throw error;
      const found = lstatSync(path);
      if (!found.isDirectory()) {
        unlinkSync(path);
        mkdirSync(path, 0o700);
      } else if ((found.mode & 0o300) !== 0o300) {
        chmodSync(path, 0o700);
      }
    }
    return new TargetDirectory(this.anchor.child(name), entry);
  }

  /** `target` is not looked at: a link may point anywhere, nothing follows it. */
  symlink(name: string, target: Buffer, modTime: bigint): void {
    this.create(name, (path) => {
      symlinkSync(target, path);
      lutimesSync(path, seconds(modTime), seconds(modTime));
    });
  }

  hardLink(name: string, from: { directory: AnchoredDirectory; name: string }): void {
    this.create(name, (path) => linkSync(from.directory.at(from.name), path));
  }

  /** Opens the directory that holds an entry received before, by names from here down. The caller releases it. */
  descend(names: readonly string[]): AnchoredDirectory {
    let directory = this.anchor.hold();
    for (const name of names) {
      try {
        const below: AnchoredDirectory = directory.child(name);
        directory.release();
        directory = below;
      } catch (error) {
        directory.release();
        throw error;
      }
    }
    return directory;
  }

  /** Puts what was made under a temporary name into its place. */
  place(temporary: string, name: string): void {
    const path = this.anchor.at(name);
    try {
      renameSync(this.anchor.at(temporary), path);
    } catch (error) {
      if (!lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) throw error;
      rmSync(path, { recursive: true });
      renameSync(this.anchor.at(temporary), path);
    }
  }

  private create(name: string, make: (path: string | Buffer) => void): void {
    try {
      make(this.anchor.at(name));
    } catch (error) {
      if (!isThere(error)) throw error;
      const temporary = temporaryName();
      make(this.anchor.at(temporary));
      this.place(temporary, name);
    }
  }
}

export function temporaryName(): string {
  return `.galley-${randomBytes(8).toString("hex")}`;
}

export function isThere(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EEXIST";
}
