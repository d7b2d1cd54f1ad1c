import { huffmanDecode, huffmanTree } from "./huffman.js";
import { staticHeaders } from "./static-headers.js";

type Header = readonly [name: string, value: string];

/** What a peer may use before it was told anything else (RFC 7541 §6.5.2), and we tell nothing else. */
const tableBytes = 4096;
/** Added to the length of an entry to get its size (RFC 7541 §4.1). */
const entryOverhead = 32;

/**
 * Decodes the header blocks of one connection, in their order, as RFC 7541 has it. Values are kept as they come, one latin1
 * character a byte, blanks at their ends included. Throws `RangeError` for what is no HPACK and for a list beyond `limit`
 * bytes (names, values and 32 for each header); the decoder is of no use afterwards.
 */
export class HeaderDecoder {
  readonly #limit: number;
  readonly #tree = huffmanTree();
  /** Newest first. */
  #dynamic: Header[] = [];
  #dynamicBytes = 0;
  #capacity = tableBytes;
  #block: Buffer = Buffer.alloc(0);
  #at = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @returns name, value, name, value ... as node:http2's rawHeaders */
  decode(block: Buffer): string[] {
    this.#block = block;
    this.#at = 0;
    const flat: string[] = [];
    let bytes = 0;
    while (this.#at < block.length) {
      const header = this.#next(flat.length === 0);
      if (header === undefined) continue;
      bytes += sizeOf(header);
      if (bytes > this.#limit) throw new RangeError("the list of headers is too long");
      flat.push(header[0], header[1]);
    }
    return flat;
  }

  #next(first: boolean): Header | undefined {
    const byte = this.#block[this.#at] as number;
    if (byte & 0x80) return this.#entry(this.#integer(7));
    if ((byte & 0xe0) === 0x20) {
      const capacity = this.#integer(5);
      if (!first || capacity > tableBytes)
        throw new RangeError("the size of the header table is changed wrongly");
      this.#capacity = capacity;
      this.#evict();
      return undefined;
    }
    const kept = (byte & 0x40) !== 0;
    const index = this.#integer(kept ? 6 : 4);
    const header: Header = [index === 0 ? this.#string() : this.#entry(index)[0], this.#string()];
    if (kept) {
      this.#dynamic.unshift(header);
      this.#dynamicBytes += sizeOf(header);
      this.#evict();
    }
    return header;
  }

  #entry(index: number): Header {
    const header =
      index <= staticHeaders.length
        ? staticHeaders[index - 1]
        : this.#dynamic[index - staticHeaders.length - 1];
    if (header === undefined) throw new RangeError("a header that is not in the table");
    return header;
  }

  #evict(): void {
    while (this.#dynamicBytes > this.#capacity) {
      const oldest = this.#dynamic.pop();
      if (oldest === undefined) break;
      this.#dynamicBytes -= sizeOf(oldest);
    }
  }

  /** An integer whose first `bits` bits lie in the byte at hand (RFC 7541 §5.1). */
  #integer(bits: number): number {
    const most = 2 ** bits - 1;
    let value = this.#byte() & most;
    if (value < most) return value;
    for (let shift = 0; ; shift += 7) {
      // Nothing in a block is longer than 2^28.
      if (shift > 21) throw new RangeError("an integer in a header block is too large");
      const byte = this.#byte();
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }

  #string(): string {
    const coded = ((this.#block[this.#at] ?? 0) & 0x80) !== 0;
    const length = this.#integer(7);
    if (this.#at + length > this.#block.length) throw new RangeError("a header block ends inside a string");
    const bytes = this.#block.subarray(this.#at, this.#at + length);
    this.#at += length;
    return (coded ? huffmanDecode(this.#tree, bytes) : bytes).toString("latin1");
  }

  #byte(): number {
    const byte = this.#block[this.#at++];
    if (byte === undefined) throw new RangeError("a header block ends inside an integer");
    return byte;
  }
}

function sizeOf([name, value]: Header): number {
  return name.length + value.length + entryOverhead;
}

/** One header as a literal that touches no table (RFC 7541 §6.2.2). */
export function literalHeader(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.of(0), literal(name), literal(value)]);
}

function literal(text: string): Buffer {
  const bytes = Buffer.from(text, "latin1");
  const most = 127;
  const length: number[] = [Math.min(bytes.length, most)];
  if (bytes.length >= most) {
    let rest = bytes.length - most;
    for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) | 128);
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}
