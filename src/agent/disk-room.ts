import { statfs } from "node:fs/promises";
import type { AgentLog } from "./log.js";
import { pause } from "./pause.js";

export interface DiskRoomOptions {
  /** Any directory of the disk. */
  readonly directory: string;
  /** Bytes that must be free; 0: whatever there is will do. */
  readonly least: number;
  /** Removes what can be made again, about so many bytes of it. */
  readonly makeRoom: (bytes: number) => Promise<void>;
  readonly log: AgentLog;
  /** Milliseconds between two looks at a disk that is full. Default: ten seconds. */
  readonly everyMs?: number;
}

/** Resolves when the disk has room for a job. Rejects with the signal's reason. */
export async function diskRoom(options: DiskRoomOptions, signal: AbortSignal): Promise<void> {
  const { directory, least, makeRoom, log, everyMs = 10_000 } = options;
  for (let said = false; least > 0; ) {
    signal.throwIfAborted();
    const free = await freeBytes(directory);
    if (free === undefined || free >= least) return;
    await makeRoom(least - free);
    const left = await freeBytes(directory);
    if (left === undefined || left >= least) return;
    if (!said)
      log.error(
        { free: left, least, directory },
        "the disk is nearly full: no jobs are taken until it has room",
      );
    said = true;
    await pause(everyMs, signal);
  }
}

/** Undefined where that cannot be told: then it is no reason to stop. */
async function freeBytes(directory: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(directory);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}
