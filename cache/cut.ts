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

/** A piece of a stream. Its memory is written again once it is released, which is to be done with each. */
export interface Cut {
  readonly content: Buffer;
  /** sha256, in hexadecimal. */
  readonly digest: string;
  release(): void;
}

/**
 * Cuts a stream where its content says so: what is inserted or removed changes the chunks around it and no others, so that the next
 * version of a large archive is mostly made of chunks that are there.
 *
 * All is copied into a few large buffers that are used again and again: to hold on to the many small ones in which a stream comes
 * costs more.
 */
export async function* cutByContent(stream: AsyncIterable<Buffer>): AsyncGenerator<Cut> {
  const free: Buffer[] = [];
  const room = () => free.pop() ?? Buffer.allocUnsafeSlow(most);
  let buffer = room();
  let sum = createHash("sha256");
  let length = 0;
  const edge = new Edge();
  const cut = (): Cut => {
    const whole = buffer;
    return {
      content: whole.subarray(0, length),
      digest: sum.digest("hex"),
      release: () => void free.push(whole),
    };
  };
  for await (const piece of stream) {
    for (let from = 0; from < piece.length; ) {
      const before = length;
      length += piece.copy(buffer, before, from);
      // Nothing is cut below the least size: those bytes need not be looked at.
      const found = edge.find(buffer, Math.max(before, least), length);
      length = found ?? length;
      from += length - before;
      // As it comes: a chunk at once would keep the stream waiting.
      sum.update(buffer.subarray(before, length));
      if (found === undefined && length < most) continue;
      yield cut();
      buffer = room();
      sum = createHash("sha256");
      length = 0;
    }
  }
  if (length > 0) yield cut();
}

/** Where bytes say that a piece ends. Beside the generator, in which the loop is never as fast. */
class Edge {
  #hash = 0;

  /** Goes on from `start`; undefined: not before `stop`. */
  find(bytes: Uint8Array, start: number, stop: number): number | undefined {
    let at = start;
    let hash = at === least ? 0 : this.#hash;
    // Four at a time, which takes half as long, until one of them says so.
    for (; at + 4 <= stop; at += 4) {
      const first = ((hash << 1) + (gear[bytes[at] as number] as number)) | 0;
      const second = ((first << 1) + (gear[bytes[at + 1] as number] as number)) | 0;
      const third = ((second << 1) + (gear[bytes[at + 2] as number] as number)) | 0;
      const fourth = ((third << 1) + (gear[bytes[at + 3] as number] as number)) | 0;
      const isOne =
        (first & mask) === 0 || (second & mask) === 0 || (third & mask) === 0 || (fourth & mask) === 0;
      if (isOne) break;
      hash = fourth;
    }
    while (at < stop) {
      hash = ((hash << 1) + (gear[bytes[at++] as number] as number)) | 0;
      if ((hash & mask) === 0) return at;
    }
    this.#hash = hash;
    return undefined;
  }
}
