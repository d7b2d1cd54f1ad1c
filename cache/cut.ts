import { createHash } from "node:crypto";

/** Bytes of a chunk: at least, about, at most. */
const least = 256 * 1024;
const most = 4 * 1024 * 1024;
/** About one cut a MiB. */
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
 */
export async function* cutByContent(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let length = 0;
  const rolling = { hash: 0 };
  for await (const piece of stream) {
    const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    let from = 0;
    for (let at = 0; at < bytes.length; ) {
      // Nothing is cut below the least size: those bytes need not be looked at, but for the 32 that the hash remembers.
      const skip = least - 32 - length - (at - from);
      if (skip > 0) at += Math.min(skip, bytes.length - at);
      const stop = Math.min(bytes.length, from + most - length);
      const cut = findCut(bytes, at, stop, from + least - length, rolling);
      at = cut ?? stop;
      if (cut === undefined && length + at - from < most) continue;
      parts.push(bytes.subarray(from, at));
      yield Buffer.concat(parts);
      parts = [];
      length = 0;
      rolling.hash = 0;
      from = at;
    }
    if (from < bytes.length) {
      // The stream may use its buffer again.
      parts.push(Buffer.from(bytes.subarray(from)));
      length += bytes.length - from;
    }
  }
  if (parts.length > 0) yield Buffer.concat(parts);
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
