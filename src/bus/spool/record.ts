import { crc32 } from "node:zlib";
import { z } from "zod";

/** A message for EVENTS or LOGS: consecutive events of one attempt of a deployment. */
export interface Batch {
  readonly kind: "events" | "logs";
  readonly deployment: string;
  readonly attempt: number;
  readonly firstSeq: number;
  /** Events in it. */
  readonly count: number;
  /** It has the attempt's `deployment.finished`. */
  readonly finished: boolean;
}

/** Where a batch is in its segment. */
export interface Extent {
  readonly offset: number;
  readonly length: number;
}

// A record: "GSR1", length of the head (u16), length of the body (u32), CRC-32 of both (u32), head (JSON), body. Big endian.
const magic = 0x47535231;
const prefixBytes = 14;

const headSchema = z.object({
  k: z.enum(["events", "logs"]),
  d: z.string(),
  a: z.int().min(1),
  s: z.int().min(1),
  n: z.int().min(1),
  f: z.boolean(),
});

export function encodeRecord(batch: Batch, body: Buffer): Buffer {
  const { kind: k, deployment: d, attempt: a, firstSeq: s, count: n, finished: f } = batch;
  const head = Buffer.from(JSON.stringify({ k, d, a, s, n, f }));
  const record = Buffer.allocUnsafe(prefixBytes + head.length + body.length);
  record.writeUInt32BE(magic, 0);
  record.writeUInt16BE(head.length, 4);
  record.writeUInt32BE(body.length, 6);
  record.writeUInt32BE(crc32(body, crc32(head)), 10);
  record.set(head, prefixBytes);
  record.set(body, prefixBytes + head.length);
  return record;
}

export interface ScannedRecord {
  readonly batch: Batch;
  readonly extent: Extent;
}

/**
 * The records of a segment, in order. `damagedAt`: from there on it cannot be read, for example because the process was killed while it
 * wrote. A record that is whole but not what was written is left out and counted.
 */
export function scanSegment(segment: Buffer): {
  records: ScannedRecord[];
  damagedAt?: number;
  corrupt: number;
} {
  const records: ScannedRecord[] = [];
  let corrupt = 0;
  for (let offset = 0; offset < segment.length; ) {
    const lengths = recordLengths(segment, offset);
    if (!lengths) return { records, damagedAt: offset, corrupt };
    const length = prefixBytes + lengths.head + lengths.body;
    const record = segment.subarray(offset, offset + length);
    const batch = headOf(record);
    if (batch) records.push({ batch, extent: { offset, length } });
    else corrupt += 1;
    offset += length;
  }
  return { records, corrupt };
}

/** Undefined when what is there is no whole record. */
function recordLengths(segment: Buffer, offset: number): { head: number; body: number } | undefined {
  if (segment.length - offset < prefixBytes || segment.readUInt32BE(offset) !== magic) return undefined;
  const head = segment.readUInt16BE(offset + 4);
  const body = segment.readUInt32BE(offset + 6);
  return offset + prefixBytes + head + body <= segment.length ? { head, body } : undefined;
}

function headOf(record: Buffer): Batch | undefined {
  const content = record.subarray(prefixBytes);
  if (crc32(content) !== record.readUInt32BE(10)) return undefined;
  try {
    const head = headSchema.safeParse(JSON.parse(content.toString("utf8", 0, record.readUInt16BE(4)))).data;
    if (!head) return undefined;
    const { k: kind, d: deployment, a: attempt, s: firstSeq, n: count, f: finished } = head;
    return { kind, deployment, attempt, firstSeq, count, finished };
  } catch {
    return undefined;
  }
}

/** The body of a record as `encodeRecord` made it; undefined when it is damaged. */
export function bodyOf(record: Buffer): Buffer | undefined {
  const lengths = recordLengths(record, 0);
  if (!lengths || crc32(record.subarray(prefixBytes)) !== record.readUInt32BE(10)) return undefined;
  return record.subarray(prefixBytes + lengths.head, prefixBytes + lengths.head + lengths.body);
}
