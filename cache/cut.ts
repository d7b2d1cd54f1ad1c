import { createHash } from "node:crypto";

/** Bytes of a chunk: at least, about, at most. */
const least = 1024 * 1024;
const most = 4 * 1024 * 1024;
/** About one cut a MiB behind the least. */
const mask = 0xfffff000 | 0;

/** Signed: what is no small integer makes the loop below three times as slow. */
const gear = new Int32Array(
  Array.from({ length: 256 }, (_, value) =>
    createHash("sha256").update(`galley ${value}`).digest().readInt32LE(0),
  ),
);

/**
 * Cuts a stream where its content says so: what is inserted or removed changes the chunks around it and no others, so that the next
 * version of a large archive is mostly made of chunks that are there.
 *
 * @param stream must leave the buffers alone that it has given: chunks are made of them, and not copied
 * @returns chunks, each in one piece or several
 */
export async function* cutByContent(stream: AsyncIterable<Buffer>): AsyncGenerator<readonly Buffer[]> {
  let parts: Buffer[] = [];
  let length = 0;
  const rolling = { hash: 0 };
  for await (const piece of stream) {
    for (let from = 0; from < piece.length; ) {
      // Nothing is cut below the least size: those bytes need not be looked at, but for the 32 that the hash remembers.
      const start = from + Math.max(0, Math.min(least - 32 - length, piece.length - from));
      const stop = Math.min(piece.length, from + most - length);
      const cut = findCut(piece, start, stop, from + least - length, rolling);
      const end = cut ?? stop;
      parts.push(piece.subarray(from, end));
      length += end - from;
      from = end;
      if (cut === undefined && length < most) continue;
      yield parts;
      parts = [];
      length = 0;
      rolling.hash = 0;
    }
  }
  if (length > 0) yield parts;
}

/** Where the bytes say so, at `earliest` or behind it; undefined: nowhere before `stop`. A function of its own: in a generator it is never as fast. */
function findCut(
  bytes: Uint8Array,
  start: number,
  stop: number,
  earliest: number,
  rolling: { hash: number },
): number | undefined {
  let { hash } = rolling;
  for (let at = start; at < stop; ) {
    hash = ((hash << 1) + (gear[bytes[at++] as number] as number)) | 0;
    if ((hash & mask) === 0 && at >= earliest) {
      rolling.hash = hash;
      return at;
    }
  }
  rolling.hash = hash;
  return undefined;
}
