/** The data types of the SSH protocols (RFC 4251 §5): big endian, strings with a 32-bit length. */

/** Reads fields one after the other. Throws `RangeError` where the bytes end too early. */
export class SshReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  uint32(): number {
    return this.take(4).readUInt32BE(0);
  }

  string(): Buffer {
    return this.take(this.uint32());
  }

  text(): string {
    return this.string().toString("utf8");
  }

  /** A multiple precision integer without its leading zeros; negative ones do not occur in keys. */
  mpint(): Buffer {
    const bytes = this.string();
    let zeros = 0;
    while (zeros < bytes.length && bytes[zeros] === 0) zeros++;
    return bytes.subarray(zeros);
  }

  take(length: number): Buffer {
    if (length > this.#bytes.length - this.#at) throw new RangeError("an SSH message ends too early");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}

export function sshUint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}

export function sshString(value: Uint8Array | string): Buffer {
  const bytes = typeof value === "string" ? Buffer.from(value, "utf8") : value;
  return Buffer.concat([sshUint32(bytes.length), bytes]);
}

/** An unsigned integer: no leading zeros but the one that keeps the sign bit clear. */
export function sshMpint(value: Uint8Array): Buffer {
  let start = 0;
  while (start < value.length && value[start] === 0) start++;
  const bytes = value.subarray(start);
  const signed = bytes.length > 0 && ((bytes[0] ?? 0) & 0x80) !== 0;
  return sshString(signed ? Buffer.concat([Buffer.of(0), bytes]) : bytes);
}

/** Longest message of an agent, in bytes: OpenSSH's own limit. */
const maxAgentMessage = 256 * 1024;

/** Cuts a stream into the agent's messages, each without its length. Throws `RangeError` for one that is too long. */
export class AgentMessages {
  #pending: Buffer = Buffer.alloc(0);

  *push(chunk: Uint8Array): Generator<Buffer> {
    this.#pending = this.#pending.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#pending, chunk]);
    while (this.#pending.length >= 4) {
      const length = this.#pending.readUInt32BE(0);
      if (length === 0 || length > maxAgentMessage)
        throw new RangeError("an agent message of an impossible length");
      if (this.#pending.length < 4 + length) return;
      const message = this.#pending.subarray(4, 4 + length);
      this.#pending = this.#pending.subarray(4 + length);
      yield message;
    }
  }
}
