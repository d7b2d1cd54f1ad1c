// What package-lock.json was like when bootstrap.mjs installed the packages. Plain Node: it is read before anything is installed.
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const stamp = (root) => join(root, "node_modules", ".galley-lock");

/** A digest of package-lock.json as it is. */
export const wantedLock = (root) =>
  createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");

/** The digest of the one that node_modules was installed from; undefined: bootstrap.mjs has not installed it. */
export const installedLock = (root) =>
  existsSync(stamp(root)) ? readFileSync(stamp(root), "utf8") : undefined;

export const writeInstalledLock = (root) => writeFileSync(stamp(root), wantedLock(root));
