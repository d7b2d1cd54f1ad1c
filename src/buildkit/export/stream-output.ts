import { finished } from "node:stream/promises";
import { moby } from "../../../proto/index.js";
import { BuildKitError } from "../errors.js";
import { RpcError, rpcStatus, type SessionCall } from "../session/service.js";
import { exportFailure } from "./failure.js";
import { TarEnd } from "./tar-end.js";

const { BytesMessage } = moby.filesync.v1;

/** One archive on its way from the daemon into a stream. */
export class StreamOutput {
  readonly type: string;
  readonly #open: () => Promise<NodeJS.WritableStream>;
  #stream: NodeJS.WritableStream | undefined;
  #state: "waiting" | "receiving" | "received" | "over" = "waiting";

  constructor(type: string, open: () => Promise<NodeJS.WritableStream>) {
    this.type = type;
    this.#open = open;
  }

  get received(): boolean {
    return this.#state === "received";
  }

  /** Takes the archive from a call. It is not ended here: whether it counts is known when the solve has succeeded. */
  async receive(call: SessionCall): Promise<void> {
    if (this.#state !== "waiting") throw new RpcError(rpcStatus.alreadyExists, "this export was sent before");
    this.#state = "receiving";
    const stream = await this.#open();
    if (this.#over()) {
      await destroy(stream);
      throw new RpcError(rpcStatus.cancelled, "the build is over");
    }
    this.#stream = stream;
    const end = new TarEnd();
    const writer = new PacedWriter(stream, call.signal);
    try {
      for await (const message of call.messages) {
        const { data } = decode(message);
        end.push(data);
        await writer.write(data);
      }
      await writer.flushed();
    } finally {
      writer.detach();
    }
    if (!end.complete) {
      throw new BuildKitError("export_failed", `The ${this.type} export broke off after ${end.size} bytes.`, {
        hint: "The engine could not finish it: its log says why (a full disk is the usual reason).",
      });
    }
    this.#state = "received";
  }

  /** Ends the stream and waits until it is written. */
  async complete(signal?: AbortSignal): Promise<void> {
    this.#state = "over";
    const stream = this.#stream;
    if (stream === undefined) return;
    try {
      const done = finished(stream, { readable: false, ...(signal === undefined ? {} : { signal }) });
      stream.end();
      await done;
    } catch (error) {
      await destroy(stream);
      throw exportFailure(error, this.type);
    }
  }

  /** Destroys the stream and waits until it has cleaned up. */
  async discard(): Promise<void> {
    this.#state = "over";
    if (this.#stream !== undefined) await destroy(this.#stream);
  }

  #over(): boolean {
    return this.#state === "over";
  }
}

/** Writes with backpressure; a stream that fails or closes, or a call that ends, ends the wait. */
class PacedWriter {
  readonly #stream: NodeJS.WritableStream;
  readonly #signal: AbortSignal;
  #wake: (() => void) | undefined;
  #error: Error | undefined;
  #closed = false;

  constructor(stream: NodeJS.WritableStream, signal: AbortSignal) {
    this.#stream = stream;
    this.#signal = signal;
    stream.on("error", this.#failed);
    stream.on("close", this.#ended);
    stream.on("drain", this.#resume);
    signal.addEventListener("abort", this.#resume);
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.#check();
    if (this.#stream.write(chunk)) return;
    await this.#pause();
    this.#check();
  }

  /** Resolves when all that was written has left for its destination, so that an error of the last bytes is seen. */
  async flushed(): Promise<void> {
    this.#check();
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      this.#stream.write(new Uint8Array(0), (error) => {
        if (error) this.#error ??= error;
        resolve();
      });
      if (this.#signal.aborted) resolve();
    });
    this.#check();
  }

  detach(): void {
    // The error listener stays: a destroyed stream may still tell of what it was destroyed with.
    this.#stream.off("close", this.#ended);
    this.#stream.off("drain", this.#resume);
    this.#signal.removeEventListener("abort", this.#resume);
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      if (this.#error !== undefined || this.#closed || this.#signal.aborted) resolve();
    });
  }

  #check(): void {
    this.#signal.throwIfAborted();
    if (this.#error !== undefined) throw this.#error;
    if (this.#closed)
      throw new BuildKitError(
        "export_failed",
        "The destination of the export was closed while it was written.",
      );
  }

  readonly #resume = (): void => {
    this.#wake?.();
  };

  readonly #failed = (error: Error): void => {
    this.#error ??= error;
    this.#wake?.();
  };

  readonly #ended = (): void => {
    this.#closed = true;
    this.#wake?.();
  };
}

async function destroy(stream: NodeJS.WritableStream): Promise<void> {
  if (!("destroy" in stream) || typeof stream.destroy !== "function") return;
  const closed = finished(stream, { readable: false }).catch(() => undefined);
  stream.destroy();
  await closed;
}

function decode(message: Uint8Array): { readonly data: Uint8Array } {
  try {
    return BytesMessage.decode(message);
  } catch (cause) {
    throw new RpcError(rpcStatus.invalidArgument, "the message cannot be decoded", { cause });
  }
}
