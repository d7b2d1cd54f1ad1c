import { type FileHandle, mkdir, open, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { BusLog } from "../log.js";
import { type Batch, bodyOf, type Extent, encodeRecord, scanSegment } from "./record.js";

/** Where a batch is on disk. */
export interface Place extends Extent {
  readonly segment: Segment;
}

interface Segment {
  readonly number: number;
  bytes: number;
  /** Records that are not acknowledged. */
  open: number;
  /** For writing while it is the last one, for reading again later. */
  handle?: Promise<FileHandle> | undefined;
  /** Offsets of acknowledged records that the `.acked` file does not have yet. */
  newlyAcked: number[];
}

/** Batches on disk, in files that are appended to and removed whole. One process and one writer. */
export interface SpoolStore {
  /** What an earlier process left unacknowledged, in the order in which it was written. */
  readonly left: readonly { batch: Batch; place: Place }[];
  /** Of all files of batches. */
  readonly bytes: number;
  /** Rejects with the file system's error; then none of them is there. Not to be called again before it has settled. */
  write(batches: readonly { batch: Batch; body: Buffer }[]): Promise<Place[]>;
  /** Everything written so far survives a loss of power. */
  sync(): Promise<void>;
  /** Undefined when the disk has lost it. */
  read(place: Place): Promise<Buffer | undefined>;
  /** It need not be sent again. */
  acknowledge(place: Place): void;
  close(): Promise<void>;
}

/** Acknowledgements of so much time are written down at once. */
const journalDelayMs = 100;

const fileOf = (directory: string, number: number, suffix: "spool" | "acked") =>
  join(directory, `${String(number).padStart(10, "0")}.${suffix}`);

/** @param segmentBytes a file is full when it has that many; it may get longer by one write. */
export async function openStore(directory: string, segmentBytes: number, log: BusLog): Promise<SpoolStore> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const segments = new Map<number, Segment>();
  const left: { batch: Batch; place: Place }[] = [];
  let last = 0;
  let bytes = 0;
  for (const number of await numbersIn(directory)) {
    last = number;
    const segment = await recover(directory, number, left, log);
    if (!segment) continue;
    segments.set(number, segment);
    bytes += segment.bytes;
  }

  let current: Segment | undefined;
  const unsynced = new Set<Segment>();
  let directoryChanged = false;
  let journal: Promise<void> = Promise.resolve();
  let journalPlanned: NodeJS.Timeout | undefined;

  const remove = async (segment: Segment) => {
    await (await segment.handle)?.close();
    await rm(fileOf(directory, segment.number, "spool"), { force: true });
    await rm(fileOf(directory, segment.number, "acked"), { force: true });
  };
  /** In the background: what is not written down here is only sent once more, and recognised. */
  const later = (work: () => Promise<void>) => {
    journal = journal.then(work).catch((error: unknown) => {
      log.warn({ error: String(error) }, "the spool could not tidy up after itself");
    });
  };
  const writeAcked = async () => {
    clearTimeout(journalPlanned);
    journalPlanned = undefined;
    for (const segment of segments.values()) {
      if (segment.newlyAcked.length === 0) continue;
      const offsets = Buffer.alloc(segment.newlyAcked.length * 4);
      segment.newlyAcked.forEach((offset, index) => {
        offsets.writeUInt32BE(offset, index * 4);
      });
      segment.newlyAcked = [];
      const file = await open(fileOf(directory, segment.number, "acked"), "a", 0o600);
      try {
        await file.write(offsets);
      } finally {
        await file.close();
      }
    }
  };
  const retire = (segment: Segment) => {
    if (segment.open > 0 || segment === current || !segments.delete(segment.number)) return;
    bytes -= segment.bytes;
    unsynced.delete(segment);
    later(() => remove(segment));
  };
  const startSegment = async (): Promise<Segment> => {
    last += 1;
    const handle = await open(fileOf(directory, last, "spool"), "wx+", 0o600);
    const segment: Segment = {
      number: last,
      bytes: 0,
      open: 0,
      handle: Promise.resolve(handle),
      newlyAcked: [],
    };
    segments.set(last, segment);
    directoryChanged = true;
    return segment;
  };
  const finishCurrent = () => {
    const finished = current;
    current = undefined;
    if (finished) retire(finished);
  };

  return {
    left,
    get bytes() {
      return bytes;
    },
    write: async (batches) => {
      if (current && current.bytes >= segmentBytes) finishCurrent();
      current ??= await startSegment();
      const segment = current;
      const places: Place[] = [];
      const records = batches.map(({ batch, body }) => encodeRecord(batch, body));
      let offset = segment.bytes;
      for (const { length } of records) {
        places.push({ segment, offset, length });
        offset += length;
      }
      try {
        await writeAll((await segment.handle) as FileHandle, Buffer.concat(records), segment.bytes);
      } catch (error) {
        // What is half written must not stand before what comes later.
        await (await segment.handle)?.truncate(segment.bytes).catch(() => {});
        finishCurrent();
        throw error;
      }
      bytes += offset - segment.bytes;
      segment.bytes = offset;
      segment.open += places.length;
      unsynced.add(segment);
      return places;
    },
    sync: async () => {
      for (const segment of [...unsynced]) {
        unsynced.delete(segment);
        await (await segment.handle)?.datasync();
      }
      if (!directoryChanged) return;
      directoryChanged = false;
      const folder = await open(directory, "r");
      try {
        await folder.sync();
      } finally {
        await folder.close();
      }
    },
    read: async ({ segment, offset, length }) => {
      segment.handle ??= open(fileOf(directory, segment.number, "spool"), "r");
      const record = Buffer.alloc(length);
      const { bytesRead } = await (await segment.handle).read(record, 0, length, offset);
      return bytesRead === length ? bodyOf(record) : undefined;
    },
    acknowledge: ({ segment, offset }) => {
      segment.open -= 1;
      segment.newlyAcked.push(offset);
      if (segment === current && segment.open === 0 && segment.bytes >= segmentBytes) finishCurrent();
      else retire(segment);
      journalPlanned ??= setTimeout(() => later(writeAcked), journalDelayMs);
    },
    close: async () => {
      finishCurrent();
      later(writeAcked);
      await journal;
      for (const { handle } of segments.values()) await (await handle)?.close();
    },
  };
}

async function numbersIn(directory: string): Promise<number[]> {
  const names = await readdir(directory);
  const numbers = names
    .map((name) => /^(\d{10})\.spool$/.exec(name)?.[1])
    .filter((text) => text !== undefined);
  return numbers.map(Number).sort((one, other) => one - other);
}

/** Adds what is not acknowledged to `left`; removes the files when there is nothing. */
async function recover(
  directory: string,
  number: number,
  left: { batch: Batch; place: Place }[],
  log: BusLog,
): Promise<Segment | undefined> {
  const content = await readFile(fileOf(directory, number, "spool"));
  const acked = new Set<number>();
  const offsets = await readFile(fileOf(directory, number, "acked")).catch(() => Buffer.alloc(0));
  for (let at = 0; at + 4 <= offsets.length; at += 4) acked.add(offsets.readUInt32BE(at));
  const { records, damagedAt, corrupt } = scanSegment(content);
  if (damagedAt !== undefined || corrupt > 0)
    log.warn({ segment: number, damagedAt, corrupt }, "unsent events are damaged on disk and cannot be sent");
  const segment: Segment = { number, bytes: content.length, open: 0, newlyAcked: [] };
  for (const { batch, extent } of records) {
    if (acked.has(extent.offset)) continue;
    segment.open += 1;
    left.push({ batch, place: { segment, ...extent } });
  }
  if (segment.open > 0) return segment;
  await rm(fileOf(directory, number, "spool"), { force: true });
  await rm(fileOf(directory, number, "acked"), { force: true });
  return undefined;
}

async function writeAll(handle: FileHandle, content: Buffer, position: number): Promise<void> {
  for (let done = 0; done < content.length; ) {
    const { bytesWritten } = await handle.write(content, done, content.length - done, position + done);
    done += bytesWritten;
  }
}
