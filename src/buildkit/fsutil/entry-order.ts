import { BuildKitError } from "../errors.js";
import { textOf } from "./anchored.js";

/**
 * Checks what a sender says about a tree before anything is done with it: clean relative paths, in order, each directly below
 * a directory that was announced before. What passes cannot leave the target directory, whatever the names are.
 */
export class EntryOrder {
  /** The directories from the root down to the one that the last entry was in. */
  private readonly open: { prefix: string; last: string }[] = [{ prefix: "", last: "" }];

  /** `path` as latin1. Returns how many directories the entry is below. Throws `protocol_violation`. */
  accept(path: string, directory: boolean): number {
    const slash = path.lastIndexOf("/");
    const prefix = path.slice(0, slash + 1);
    const name = path.slice(slash + 1);
    if (name === "" || name === "." || name === ".." || path.includes("\0"))
      throw refused(path, "is no clean path");
    while (this.open.length > 1 && this.open.at(-1)?.prefix !== prefix) this.open.pop();
    const parent = this.open.at(-1);
    if (parent?.prefix !== prefix) throw refused(path, "is not below a directory that was sent");
    if (name <= parent.last) throw refused(path, "is out of order");
    parent.last = name;
    const depth = this.open.length - 1;
    if (directory) this.open.push({ prefix: `${path}/`, last: "" });
    return depth;
  }
}

function refused(path: string, what: string): BuildKitError {
  const shown = JSON.stringify(textOf(path).slice(0, 500));
  return new BuildKitError("protocol_violation", `The daemon sent an entry that ${what}: ${shown}.`);
}
