/** 2000-01-01T00:00:00Z. Not 1970, which archivers and tools take for "no time". */
const first = 946_684_800n;
const nanosecondsInAYear = 31_536_000n * 1_000_000_000n;

/**
 * A modification time made from content: a moment in the year 2000, chosen by the first 8 bytes of a digest. BuildKit asks
 * for a file again when its size, mode or time differs from what it kept, so equal content has to have an equal time in
 * every clone, and other content of the same size another one.
 *
 * Whole seconds differ too, because that is all that a layer keeps, and all that web servers (ETag, Last-Modified) and
 * caches of compilers (`.pyc`, bootsnap) compare: with one second for all, a page that changes without changing its size
 * would be "304 Not Modified". Nothing may be concluded from which of two files is older.
 */
export function contentTime(digest: Uint8Array): bigint {
  let bits = 0n;
  for (const byte of digest.subarray(0, 8)) bits = (bits << 8n) | BigInt(byte);
  return constantTime + (bits % nanosecondsInAYear);
}

/** For what has no content: directories. */
export const constantTime: bigint = first * 1_000_000_000n;
