import { RpcError, rpcStatus } from "./service.js";

/** gRPC's length prefix: one byte of flags (bit 0: compressed), four bytes of length, big endian. */
export const prefixBytes = 5;
const firstCapacity = 4096;
/** Memory taken per byte that has arrived: a message of 256 KB in DATA frames of 16 KB is copied once, not five times. */
const growth = 16;

/** The prefix that goes before a message of `length` bytes. We never compress. */
export function framePrefix(length: number): Buffer {
  const prefix = Buffer.allocUnsafe(prefixBytes);
  prefix[0] = 0;
  prefix.writeUInt32BE(length, 1);
  return prefix;
}

/**
 * Cuts a stream of bytes into gRPC messages, however the bytes were split. A message that lies in one chunk is a view of
 * that chunk, not a copy. `limit` is the largest message in bytes; it is judged by the prefix, and memory is taken only as
 * bytes arrive, so that neither a huge length nor a flood of tiny chunks costs more than what was really sent.
 */
export class FrameDecoder {
  readonly #limit: number;
  /** Length of the message being collected, or -1 while its prefix is. */
  #expected = -1;
  /** The part of the prefix or message that came in earlier chunks: `#held` bytes of `#partial`. */
  #partial: Buffer = Buffer.alloc(0);
  #held = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The messages that `chunk` completes. Throws `RpcError`; the decoder is of no use afterwards. */
  *push(chunk: Buffer): Generator<Buffer> {
    let rest = chunk;
    for (;;) {
      const wanted = this.#expected < 0 ? prefixBytes : this.#expected;
      const missing = wanted - this.#held;
      if (rest.length < missing) {
        this.#hold(rest, wanted);
        return;
      }
      let piece = rest.subarray(0, missing);
      if (this.#held > 0) {
        this.#hold(piece, wanted);
        piece = this.#partial.subarray(0, wanted);
        this.#partial = Buffer.alloc(0);
        this.#held = 0;
      }
      rest = rest.subarray(missing);
      if (this.#expected < 0) {
        this.#expected = this.#lengthIn(piece);
      } else {
        this.#expected = -1;
        yield piece;
      }
    }
  }

  /** Call at the end of the stream: throws when it broke off inside a message. */
  end(): void {
    if (this.#held > 0 || this.#expected >= 0) {
      throw new RpcError(rpcStatus.internal, "the stream ended inside a message");
    }
  }

  #lengthIn(prefix: Buffer): number {
    if (prefix[0] !== 0) throw new RpcError(rpcStatus.unimplemented, "compressed messages are not supported");
    const length = prefix.readUInt32BE(1);
    if (length > this.#limit) {
      throw new RpcError(
        rpcStatus.resourceExhausted,
        `message of ${length} bytes is larger than the limit of ${this.#limit}`,
      );
    }
    return length;
  }

  #hold(piece: Buffer, wanted: number): void {
    if (piece.length === 0) return;
    const held = this.#held + piece.length;
    if (held > this.#partial.length) {
      const grown = Buffer.allocUnsafe(Math.min(wanted, Math.max(held * growth, firstCapacity)));
      this.#partial.copy(grown, 0, 0, this.#held);
      this.#partial = grown;
    }
    piece.copy(this.#partial, this.#held);
    this.#held = held;
  }
}
