import { expect, test } from "vitest";
import { type Batch, bodyOf, encodeRecord, scanSegment } from "./record.js";

const batch = (firstSeq: number): Batch => ({
  kind: "logs",
  deployment: "d1",
  attempt: 2,
  firstSeq,
  count: 3,
  finished: false,
});
const records = [1, 4, 7].map((seq) => encodeRecord(batch(seq), Buffer.from(`body ${seq} …`)));
const segment = Buffer.concat(records);

test("a segment is read as it was written", () => {
  const scanned = scanSegment(segment);
  expect(scanned).toMatchObject({ corrupt: 0 });
  expect(scanned.damagedAt).toBeUndefined();
  expect(scanned.records.map(({ batch }) => batch)).toEqual([1, 4, 7].map(batch));
  for (const [index, { extent }] of scanned.records.entries()) {
    const record = segment.subarray(extent.offset, extent.offset + extent.length);
    expect(bodyOf(record)!.toString()).toBe(`body ${[1, 4, 7][index]} …`);
  }
});

test("wherever the last write was cut off, what was written before it is read", () => {
  const whole = records[0]!.length + records[1]!.length;
  for (let length = whole + 1; length < segment.length; length += 1) {
    const scanned = scanSegment(segment.subarray(0, length));
    expect(scanned.records).toHaveLength(2);
    expect(scanned.damagedAt).toBe(whole);
  }
});

test("a flipped byte costs at most the records from there on, never a wrong one", () => {
  for (let at = 0; at < segment.length; at += 1) {
    const damaged = Buffer.from(segment);
    damaged[at] = damaged[at]! ^ 0x41;
    const { records, corrupt, damagedAt } = scanSegment(damaged);
    expect(records.length).toBeLessThan(3);
    expect(corrupt > 0 || damagedAt !== undefined).toBe(true);
    for (const { batch: read, extent } of records) {
      expect([1, 4, 7].map(batch)).toContainEqual(read);
      expect(bodyOf(damaged.subarray(extent.offset, extent.offset + extent.length))).toBeDefined();
    }
  }
});

test("what is no segment has no records", () => {
  expect(scanSegment(Buffer.from("hello, this is not one")).records).toEqual([]);
  expect(scanSegment(Buffer.alloc(4096)).records).toEqual([]);
  expect(scanSegment(Buffer.alloc(0))).toEqual({ records: [], corrupt: 0 });
  expect(bodyOf(Buffer.alloc(3))).toBeUndefined();
});
