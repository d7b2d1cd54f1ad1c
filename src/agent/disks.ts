import { statfs } from "node:fs/promises";
import type { KeptOn } from "../../cache/index.js";

/** A disk that jobs write to. */
export interface Disk {
  /** One of its directories. */
  readonly directory: string;
  /** Whose files lie there. */
  readonly keeps: readonly KeptOn[];
  /** Bytes. */
  readonly free: number;
}

/** Looks at the disks as they are now. Leaves out those that cannot be asked, as that is no reason to stop. Never rejects. */
export type LookAtDisks = () => Promise<readonly Disk[]>;

/**
 * The disks of the data directory and of the engine, of which there may be one.
 *
 * @param engineDirectory any directory of the engine's disk; undefined: none can be seen from here
 */
export function disksOf(dataDirectory: string, engineDirectory: string | undefined): LookAtDisks {
  return async () => {
    const [data, engine] = await Promise.all([
      spaceOf(dataDirectory),
      engineDirectory === undefined ? undefined : spaceOf(engineDirectory),
    ]);
    // Device numbers would tell apart what a container sees of one disk through its own root and through a volume.
    if (data && engine && data.total === engine.total)
      return [
        { directory: dataDirectory, keeps: ["stored", "engine"], free: Math.min(data.free, engine.free) },
      ];
    const disks: Disk[] = [];
    if (data) disks.push({ directory: dataDirectory, keeps: ["stored"], free: data.free });
    if (engine) disks.push({ directory: engineDirectory ?? "", keeps: ["engine"], free: engine.free });
    return disks;
  };
}

async function spaceOf(directory: string): Promise<{ free: number; total: number } | undefined> {
  try {
    const { bavail, blocks, bsize } = await statfs(directory);
    return { free: bavail * bsize, total: blocks * bsize };
  } catch {
    return undefined;
  }
}
