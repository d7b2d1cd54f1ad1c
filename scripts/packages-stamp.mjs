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

/** Whether npm's own record of node_modules has what package-lock.json asks for: who has run `npm ci` need not wait for another. */
export function installedByNpm(root) {
  const packages = (path) => JSON.parse(readFileSync(join(root, path), "utf8")).packages;
  let there;
  try {
    there = packages("node_modules/.package-lock.json");
  } catch {
    return false;
  }
  const { "": _, ...wanted } = packages("package-lock.json");
  const same = (one, other) => one?.version === other?.version && one?.integrity === other?.integrity;
  return (
    // What is optional may be for other machines.
    Object.entries(wanted).every(([path, one]) => same(one, there[path]) || (one.optional && !there[path])) &&
    Object.keys(there).every((path) => wanted[path])
  );
}

export const writeInstalledLock = (root) => writeFileSync(stamp(root), wantedLock(root));
