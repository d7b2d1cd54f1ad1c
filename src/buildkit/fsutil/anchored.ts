import { closeSync, constants, existsSync, lstatSync, openSync, statSync } from "node:fs";
import { BuildKitError } from "../errors.js";

/**
 * A directory held open, so that what is done below it happens there even when the path to it is swapped for a symlink in
 * the meantime. Node has no `openat`; on Linux `/proc/self/fd/N/name` is the same thing. Elsewhere paths are used and checked.
 *
 * Names and paths are "latin1 strings" here: one character for each byte of the name, which compares and concatenates as
 * the bytes do and costs a fraction of a Buffer.
 */
export class AnchoredDirectory {
  private readonly prefix: string;
  private fd: number | undefined;
  private holders = 1;

  private constructor(path: string, flags: number) {
    if (hasProc) {
      this.fd = openSync(systemPath(path), constants.O_RDONLY | constants.O_DIRECTORY | flags);
      this.prefix = `/proc/self/fd/${this.fd}/`;
      return;
    }
    const stat = flags === 0 ? statSync(systemPath(path)) : lstatSync(systemPath(path));
    if (!stat.isDirectory()) {
      throw new BuildKitError("context_changed", `${textOf(path)} is no directory any more.`);
    }
    this.prefix = `${path}/`;
  }

  /** `root` is followed if it is a symlink: the caller chose it. */
  static open(root: string): AnchoredDirectory {
    return new AnchoredDirectory(Buffer.from(root).toString("latin1"), 0);
  }

  /** Opens a directory in this one. Throws ELOOP or ENOTDIR when it is a symlink or no directory. */
  child(name: string): AnchoredDirectory {
    return new AnchoredDirectory(this.prefix + name, constants.O_NOFOLLOW);
  }

  /** The path of a name in this directory, valid until `release`. Without a name the directory itself. */
  at(name = "."): string | Buffer {
    return systemPath(this.prefix + name);
  }

  hold(): this {
    this.holders++;
    return this;
  }

  /** Closes the directory when everyone who held it has released it. */
  release(): void {
    this.holders--;
    if (this.holders > 0 || this.fd === undefined) return;
    const fd = this.fd;
    this.fd = undefined;
    closeSync(fd);
  }
}

const hasProc = process.platform === "linux" && existsSync("/proc/self/fd");

/** What `fs` takes for a latin1 string: the bytes, unless it is plain ASCII. */
export function systemPath(path: string): string | Buffer {
  return isAscii(path) ? path : Buffer.from(path, "latin1");
}

/** A latin1 string as text: UTF-8, with U+FFFD for what is none. Patterns are read the same way. */
export function textOf(path: string): string {
  return isAscii(path) ? path : Buffer.from(path, "latin1").toString();
}

function isAscii(path: string): boolean {
  return /^[ -~]*$/.test(path);
}
