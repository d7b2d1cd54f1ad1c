import { HeaderDecoder, literalHeader } from "./hpack.js";

/** Frames of HTTP/2 (RFC 9113 §6), as far as headers are concerned. */
const headersFrame = 1;
const continuationFrame = 9;
const endStream = 0x1;
const endHeaders = 0x4;
const padded = 0x8;
const withPriority = 0x20;
const frameHeadBytes = 9;
const prefaceBytes = 24;
/** SETTINGS_MAX_FRAME_SIZE at its default: what no peer may exceed, and none does. */
const maxPayload = 16_384;
/** Headers of calls that nobody has asked for yet. They are asked for as soon as node:http2 has seen the call. */
const maxWaiting = 10_000;

/** What node:http2 must know of a call. All else it would drop, refuse or count as an attack. */
const forwarded = new Set([":method", ":scheme", ":path", ":authority", "content-type", "te"]);

/**
 * Takes the headers out of what a peer sends, before node:http2 sees them, and leaves the few in that it needs. nghttp2 ends a
 * connection whose header block has more than eight CONTINUATION frames (grpc-go cuts at 16 KiB: a .dockerignore of some 6,000
 * lines), and drops a header whose value begins or ends with a blank, without a word: an exclude pattern `/ secret` would be
 * lost. Every other frame passes as it is. Throws `RangeError` for what is no HTTP/2.
 */
export class HeaderFrames {
  readonly #decoder: HeaderDecoder;
  readonly #limit: number;
  readonly #waiting = new Map<number, readonly string[]>();
  #preface = prefaceBytes;
  /** The head of the frame at hand, as far as it has come. */
  #head: Buffer = Buffer.alloc(0);
  /** What is still to come of a frame that passes, or that is collected. */
  #rest = 0;
  #collecting: Buffer[] | undefined;
  #block: { readonly stream: number; readonly ends: boolean; pieces: Buffer[]; bytes: number } | undefined;

  /** `limit`: the longest list of headers, in bytes. */
  constructor(limit: number) {
    this.#limit = limit;
    this.#decoder = new HeaderDecoder(limit);
  }

  /** The headers of a call, name, value, name, value ...; once. */
  take(stream: number): readonly string[] | undefined {
    const headers = this.#waiting.get(stream);
    this.#waiting.delete(stream);
    return headers;
  }

  /** @returns what node:http2 is to be given of these bytes */
  push(chunk: Buffer): Buffer[] {
    const passed: Buffer[] = [];
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#preface > 0) {
        const piece = rest.subarray(0, this.#preface);
        this.#preface -= piece.length;
        rest = rest.subarray(piece.length);
        passed.push(piece);
      } else if (this.#rest > 0) {
        const piece = rest.subarray(0, this.#rest);
        this.#rest -= piece.length;
        rest = rest.subarray(piece.length);
        // A collected piece outlives its chunk, which may be large.
        if (this.#collecting) this.#collecting.push(Buffer.from(piece));
        else passed.push(piece);
        if (this.#rest === 0) this.#frameEnd(passed);
      } else {
        const piece = rest.subarray(0, frameHeadBytes - this.#head.length);
        rest = rest.subarray(piece.length);
        this.#head = this.#head.length === 0 ? piece : Buffer.concat([this.#head, piece]);
        if (this.#head.length === frameHeadBytes) this.#frameStart(passed);
        else if (rest.length === 0) this.#head = Buffer.from(this.#head);
      }
    }
    return passed;
  }

  #frameStart(passed: Buffer[]): void {
    const type = this.#head[3] as number;
    const stream = this.#head.readUInt32BE(5) & 0x7fffffff;
    this.#rest = this.#head.readUIntBE(0, 3);
    if (this.#block && (type !== continuationFrame || stream !== this.#block.stream)) {
      throw new RangeError("a header block is interrupted by another frame");
    }
    if (type === headersFrame || this.#block) {
      if (this.#rest > maxPayload) throw new RangeError("a frame is longer than allowed");
      this.#collecting = [];
      this.#block ??= { stream, ends: ((this.#head[4] as number) & endStream) !== 0, pieces: [], bytes: 0 };
    } else {
      passed.push(this.#head);
    }
    if (this.#rest === 0) this.#frameEnd(passed);
  }

  #frameEnd(passed: Buffer[]): void {
    const head = this.#head;
    this.#head = Buffer.alloc(0);
    const block = this.#block;
    if (!block || !this.#collecting) return;
    const payload = Buffer.concat(this.#collecting);
    this.#collecting = undefined;
    const flags = head[4] as number;
    const fragment = head[3] === headersFrame ? fragmentOf(payload, flags) : payload;
    block.bytes += fragment.length;
    if (block.bytes > this.#limit) throw new RangeError("a header block is too long");
    block.pieces.push(fragment);
    if ((flags & endHeaders) === 0) return;
    this.#block = undefined;
    passed.push(this.#forward(block.stream, block.ends, this.#decoder.decode(Buffer.concat(block.pieces))));
  }

  #forward(stream: number, ends: boolean, headers: readonly string[]): Buffer {
    const literals: Buffer[] = [];
    for (let at = 0; at < headers.length; at += 2) {
      const name = headers[at] as string;
      if (forwarded.has(name)) literals.push(literalHeader(name, headers[at + 1] as string));
    }
    // Trailers, which gRPC clients do not send, have none of them.
    if (literals.length > 0) this.#waiting.set(stream, headers);
    if (this.#waiting.size > maxWaiting) throw new RangeError("more calls than can be answered");
    const payload = Buffer.concat(literals);
    if (payload.length > maxPayload) throw new RangeError("the path of a call is too long");
    const head = Buffer.alloc(frameHeadBytes);
    head.writeUIntBE(payload.length, 0, 3);
    head[3] = headersFrame;
    head[4] = endHeaders | (ends ? endStream : 0);
    head.writeUInt32BE(stream, 5);
    return Buffer.concat([head, payload]);
  }
}

/** The part of a HEADERS frame that belongs to the block: without padding and priority. */
function fragmentOf(payload: Buffer, flags: number): Buffer {
  let from = 0;
  let to = payload.length;
  if (flags & padded) to -= payload[from++] ?? 0;
  if (flags & withPriority) from += 5;
  if (from > to) throw new RangeError("the padding of a frame is longer than the frame");
  return payload.subarray(from, to);
}
