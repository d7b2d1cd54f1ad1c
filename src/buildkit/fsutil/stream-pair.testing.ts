import type { PacketStream } from "./send.js";

/** One end of a call in memory. */
export class StreamEnd implements PacketStream {
  readonly signal: AbortSignal;
  peer: StreamEnd | undefined;
  /** Every message that was sent, if `record` is set. */
  readonly sent: Uint8Array[] = [];
  private readonly inbox: Uint8Array[] = [];
  private ended = false;
  private wake: () => void = () => {};
  private waiting: (() => void)[] = [];

  constructor(signal: AbortSignal) {
    this.signal = signal;
    signal.addEventListener("abort", () => {
      this.wake();
      this.drained();
    });
  }

  async send(message: Uint8Array): Promise<void> {
    if (this.signal.aborted) throw this.signal.reason;
    this.sent.push(message);
    const { peer } = this;
    if (peer === undefined) return;
    peer.inbox.push(message);
    peer.wake();
    if (peer.inbox.length < 64) return;
    await new Promise<void>((resolve) => peer.waiting.push(resolve));
    if (this.signal.aborted) throw this.signal.reason;
  }

  /** As when the other side half-closes. */
  end(): void {
    this.ended = true;
    this.wake();
  }

  get messages(): AsyncIterable<Uint8Array> {
    return { [Symbol.asyncIterator]: () => this.read() };
  }

  private drained(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  private async *read(): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (this.signal.aborted) throw this.signal.reason;
      const message = this.inbox.shift();
      if (message !== undefined) {
        if (this.inbox.length < 32) this.drained();
        yield message;
      } else if (this.ended) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
    }
  }
}

export function streamPair(signal: AbortSignal): [StreamEnd, StreamEnd] {
  const left = new StreamEnd(signal);
  const right = new StreamEnd(signal);
  left.peer = right;
  right.peer = left;
  return [left, right];
}
