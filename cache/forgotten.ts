import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { replaceFile } from "./replace-file.js";

/**
 * BuildKit may have all records of a build and find none of them any more: where any record at all is pruned, it looks at what every step
 * has left with a context that is over by then, and takes what it cannot look at for gone (control/control.go `Prune`, solver/cachemanager.go
 * `ReleaseUnreferenced`; 0.13 to 0.25 at least). With the containerd image store that is every step whose base image was unpacked by others.
 * No question to the engine shows it; so it is written down when it was seen, or done.
 */
const fileOf = (root: string) => join(root, "forgotten.json");

/** RFC 3339; undefined where it was never seen. @param root `$GALLEY_DATA_DIR/cache` */
export async function readForgotten(root: string): Promise<string | undefined> {
  try {
    const { at } = Object(JSON.parse(await readFile(fileOf(root), "utf8"))) as { at?: unknown };
    return typeof at === "string" ? at : undefined;
  } catch {
    return undefined;
  }
}

/** What was stored before may be found by nothing any more. @param at milliseconds since 1970 */
export async function noteForgotten(root: string, at: number): Promise<void> {
  await replaceFile(fileOf(root), JSON.stringify({ at: new Date(at).toISOString() }));
}
