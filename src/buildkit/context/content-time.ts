/**
 * The one second that all content-derived times share: 2000-01-01T00:00:00Z. Not 1970, which archivers and tools take for
 * "no time".
 */
const second = 946_684_800n;

/**
 * A modification time made from content: the constant second, and nanoseconds from the first bytes of a digest. BuildKit
 * asks for a file again when its size, mode or time differs from what it kept, so equal content has to have an equal time in
 * every clone, and other content (of the same size) another one. With 10^9 times two versions of a file of one size are
 * taken for each other once in a billion changes. Layers and cache keys do not see the nanoseconds.
 */
export function contentTime(digest: Uint8Array): bigint {
  let bits = 0n;
  for (const byte of digest.subarray(0, 8)) bits = (bits << 8n) | BigInt(byte);
  return second * 1_000_000_000n + (bits % 1_000_000_000n);
}

/** For what has no content: directories. */
export const constantTime: bigint = second * 1_000_000_000n;
