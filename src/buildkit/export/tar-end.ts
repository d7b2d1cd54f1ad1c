const block = 512;
const trailer = 2 * block;

/**
 * Watches a tar go by and knows whether it ended the way a whole one does: in full blocks, the last two of zeros. A daemon
 * whose exporter fails half-way half-closes the call just as one that is done (BuildKit's tar and oci exporters close their
 * writer before they return the error), so that the end of the call alone proves nothing.
 */
export class TarEnd {
  #size = 0;
  /** Zero bytes at the end so far. */
  #zeros = 0;

  /** Bytes so far. */
  get size(): number {
    return this.#size;
  }

  get complete(): boolean {
    return this.#size % block === 0 && this.#zeros >= trailer;
  }

  push(chunk: Uint8Array): void {
    this.#size += chunk.byteLength;
    const last = Math.max(0, chunk.byteLength - trailer);
    let at = chunk.byteLength;
    while (at > last && chunk[at - 1] === 0) at -= 1;
    const zeros = chunk.byteLength - at;
    this.#zeros = Math.min(trailer, zeros === chunk.byteLength ? this.#zeros + zeros : zeros);
  }
}
