import { statfs } from "node:fs/promises";
import type { Heartbeat } from "../bus/index.js";

/**
 * What a heartbeat says of the disk of a directory; null when it cannot be asked. Bytes.
 *
 * @param caches what caches take of it; undefined: not known yet
 */
export async function diskSpace(directory: string, caches: number | undefined): Promise<Heartbeat["disk"]> {
  try {
    const { bavail, blocks, bsize } = await statfs(directory);
    return { free: bavail * bsize, total: blocks * bsize, ...(caches === undefined ? {} : { caches }) };
  } catch {
    return null;
  }
}
