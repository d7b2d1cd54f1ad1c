import { BuildKitError } from "../errors.js";

/** Reads protobuf fields by hand: the packets of a context are many and tiny, and no generated decoder refuses as strictly. */
export class WireReader {
  private readonly bytes: Uint8Array;
  private readonly end: number;
  private offset: number;
  /** Of the field that `next` found. */
  field = 0;
  wireType = 0;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.offset = start;
    this.end = end;
  }

  /** Moves to the next field; false at the end. */
  next(): boolean {
    if (this.offset >= this.end) return false;
    const key = this.number();
    this.field = Math.floor(key / 8);
    this.wireType = key % 8;
    if (this.field === 0) throw malformed("a field with number 0");
    return true;
  }

  /** A varint below 2^53. */
  number(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 10; count++) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) throw malformed("a number beyond 2^53");
        return value;
      }
      scale *= 128;
    }
    throw malformed("a varint of more than 10 bytes");
  }

  /** A varint as a signed 64-bit number. */
  int64(): bigint {
    let value = 0n;
    let shift = 0n;
    for (let count = 0; count < 10; count++) {
      const byte = this.byte();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(64, value);
      shift += 7n;
    }
    throw malformed("a varint of more than 10 bytes");
  }

  /** A length-delimited field; a view of the message, not a copy. */
  view(): Uint8Array {
    const length = this.number();
    const start = this.offset;
    if (length > this.end - start) throw malformed("a field longer than its message");
    this.offset = start + length;
    return this.bytes.subarray(start, this.offset);
  }

  skip(): void {
    switch (this.wireType) {
      case 0:
        this.int64();
        return;
      case 1:
        this.advance(8);
        return;
      case 2:
        this.view();
        return;
      case 5:
        this.advance(4);
        return;
      default:
        throw malformed(`wire type ${this.wireType}`);
    }
  }

  expect(wireType: number): void {
    if (this.wireType !== wireType) throw malformed(`wire type ${this.wireType} in field ${this.field}`);
  }

  private advance(count: number): void {
    if (count > this.end - this.offset) throw malformed("a field longer than its message");
    this.offset += count;
  }

  private byte(): number {
    if (this.offset >= this.end) throw malformed("a message that ends inside a field");
    const byte = this.bytes[this.offset++];
    return byte ?? 0;
  }
}

function malformed(what: string): BuildKitError {
  return new BuildKitError(
    "protocol_violation",
    `The daemon sent a file packet that cannot be read: it has ${what}.`,
  );
}

/** Writes `value` (an integer from 0 to 2^53) and returns the offset behind it. */
export function writeVarint(target: Uint8Array, offset: number, value: number): number {
  let rest = value;
  let at = offset;
  while (rest >= 0x8000_0000) {
    target[at++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  while (rest >= 0x80) {
    target[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[at++] = rest;
  return at;
}

/** Writes a signed 64-bit number in two's complement, as `int64` fields have it, and returns the offset behind it. */
export function writeInt64(target: Uint8Array, offset: number, value: bigint): number {
  if (value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER))
    return writeVarint(target, offset, Number(value));
  const bits = BigInt.asUintN(64, value);
  // 63 bits are nine groups of seven; splitting at 35 bits keeps both halves exact as numbers.
  let low = Number(bits & 0x7_ffff_ffffn);
  let at = offset;
  for (let group = 0; group < 5; group++) {
    target[at++] = (low % 128) | 0x80;
    low = Math.floor(low / 128);
  }
  return writeVarint(target, at, Number(bits >> 35n));
}

export function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) length++;
  return length;
}
