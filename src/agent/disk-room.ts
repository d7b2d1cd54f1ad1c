import type { Disk, LookAtDisks } from "./disks.js";
import type { AgentLog } from "./log.js";
import { pause } from "./pause.js";

export interface DiskRoomOptions {
  readonly look: LookAtDisks;
  /** Bytes that must be free on each disk; 0: whatever there is will do. */
  readonly least: number;
  /** Removes what can be made again, about so many bytes of it. */
  readonly makeRoom: (bytes: number, disk: Disk) => Promise<void>;
  readonly log: AgentLog;
  /** Milliseconds between two looks at a disk that is full. Default: ten seconds. */
  readonly everyMs?: number;
}

/** Resolves when the disks have room for a job. Rejects with the signal's reason. */
export async function diskRoom(options: DiskRoomOptions, signal: AbortSignal): Promise<void> {
  const { look, least, makeRoom, log, everyMs = 10_000 } = options;
  const low = async () => (await look()).filter(({ free }) => free < least);
  for (let said = false; least > 0; ) {
    signal.throwIfAborted();
    const before = await low();
    if (before.length === 0) return;
    for (const disk of before) await makeRoom(least - disk.free, disk);
    const [left] = await low();
    if (!left) return;
    if (!said)
      log.error(
        { free: left.free, least, directory: left.directory },
        "the disk is nearly full: no jobs are taken until it has room",
      );
    said = true;
    await pause(everyMs, signal);
  }
}
