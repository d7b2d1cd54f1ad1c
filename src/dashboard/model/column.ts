const chunkBits = 14;
const chunkSize = 1 << chunkBits;

/** Numbers below 2^32 that are only ever added, four bytes each. A list of a million JavaScript numbers would be moved as it grows. */
export class Column {
  readonly #chunks: Uint32Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    const place = this.#length & (chunkSize - 1);
    if (place === 0) this.#chunks.push(new Uint32Array(chunkSize));
    const chunk = this.#chunks[this.#length >>> chunkBits];
    if (chunk) chunk[place] = value;
    this.#length += 1;
  }

  /** 0 for what is not there. */
  at(index: number): number {
    return this.#chunks[index >>> chunkBits]?.[index & (chunkSize - 1)] ?? 0;
  }
}
