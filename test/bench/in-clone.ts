import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/** A file or folder of this clone; this file runs from dist/. */
export function inClone(path: string): string {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    const found = join(folder, path);
    if (existsSync(join(folder, "package.json")) && existsSync(found)) return found;
    if (folder === dirname(folder)) throw new Error(`${path} is missing: is this a whole clone?`);
  }
}
