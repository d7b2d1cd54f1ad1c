/**
 * HPACK's Huffman code (RFC 7541 Appendix B) as the number of bits of each byte's code. The codes themselves follow: of one
 * length they count up in the order of the bytes, and each length goes on where the one before ended. 256 ends a string.
 */
const codeLengths: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28,
  28, 28, 28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7,
  8, 15, 6, 12, 10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19,
  13, 14, 6, 15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13,
  28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21,
  22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23,
  22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25,
  25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];
const endOfString = 256;
/** The shortest code has 5 bits: no string grows by more than this. */
const growth = 8 / 5;

/** Two children a node; a leaf is `~symbol`, and 0 (the root is nobody's child) is a place not taken yet. */
type CodeTree = Int32Array;

/** Builds the tree of codes: once for a decoder. */
export function huffmanTree(): CodeTree {
  const nodes: CodeTree = new Int32Array(2 * 2 * codeLengths.length);
  let used = 1;
  let code = 0;
  for (let length = 1; length <= 30; length++) {
    code <<= 1;
    for (const [symbol, bits] of codeLengths.entries()) {
      if (bits !== length) continue;
      let node = 0;
      for (let bit = length - 1; bit > 0; bit--) {
        const slot = 2 * node + ((code >> bit) & 1);
        if (nodes[slot] === 0) nodes[slot] = used++;
        node = nodes[slot] as number;
      }
      nodes[2 * node + (code & 1)] = ~symbol;
      code++;
    }
  }
  return nodes;
}

/** Decodes a string. Throws `RangeError` for bits that are no code, and for padding that is not the beginning of the last one. */
export function huffmanDecode(tree: CodeTree, coded: Uint8Array): Buffer {
  const text = Buffer.allocUnsafe(Math.ceil(coded.length * growth));
  let length = 0;
  let node = 0;
  /** Bits since the last whole symbol, and whether all of them were 1. */
  let pending = 0;
  let ones = true;
  for (const byte of coded) {
    for (let shift = 7; shift >= 0; shift--) {
      const bit = (byte >> shift) & 1;
      pending++;
      if (bit === 0) ones = false;
      const next = tree[2 * node + bit] as number;
      if (next >= 0) {
        node = next;
        continue;
      }
      if (~next === endOfString) throw new RangeError("an end inside of a Huffman string");
      text[length++] = ~next;
      node = 0;
      pending = 0;
      ones = true;
    }
  }
  if (pending > 7 || !ones) throw new RangeError("the padding of a Huffman string is wrong");
  return text.subarray(0, length);
}
