import { GalleyError } from "../errors/index.js";

const headerBytes = 8;

/**
 * Takes apart what the engine sends of a container without a terminal: frames of eight bytes (stream number, three zeros,
 * length in big endian) and so many bytes. Content is handed on as it comes, whatever length a frame claims.
 */
export class LogFrames {
  #header = Buffer.alloc(0);
  #stream: 1 | 2 = 1;
  /** Bytes of the current frame that are still to come. */
  #left = 0;

  *push(chunk: Buffer): Generator<{ readonly stream: 1 | 2; readonly data: Buffer }> {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#left > 0) {
        const data = rest.subarray(0, this.#left);
        this.#left -= data.length;
        rest = rest.subarray(data.length);
        yield { stream: this.#stream, data };
        continue;
      }
      const missing = headerBytes - this.#header.length;
      this.#header = Buffer.concat([this.#header, rest.subarray(0, missing)]);
      rest = rest.subarray(missing);
      if (this.#header.length < headerBytes) return;
      const [stream, ...zeros] = this.#header.subarray(0, 4);
      if (stream === undefined || stream > 2 || zeros.some((byte) => byte !== 0)) {
        throw new GalleyError("engine_error", "The Docker Engine's log cannot be understood");
      }
      this.#stream = stream === 2 ? 2 : 1;
      this.#left = this.#header.readUInt32BE(4);
      this.#header = Buffer.alloc(0);
    }
  }
}
