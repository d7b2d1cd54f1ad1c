import { isUtf8 } from "node:buffer";
import { setMaxListeners } from "node:events";
import { BuildKitError } from "../errors.js";
import { RpcError, rpcStatus, type SessionCall } from "../session/service.js";
import { Breath } from "./breath.js";
import { isRegular } from "./mode.js";
import {
  decodePacket,
  encodeData,
  encodeError,
  encodeStat,
  endOfWalk,
  finPacket,
  packetType,
} from "./packet.js";
import type { ContextTree, TreeEntry, TreeFilter } from "./tree.js";

/** What has been sent so far, summed over all calls of one service. Reported about every 100 ms and once at the end. */
export interface SendProgress {
  /** Files whose content was sent to its end. */
  readonly files: number;
  /** Bytes of file content. */
  readonly bytes: number;
  /** Entries of all walks. */
  readonly stats: number;
  /** Bytes of the messages that described the entries. */
  readonly statBytes: number;
}

/** A `SendProgress` in the making. */
export class SendCounter implements SendProgress {
  files = 0;
  bytes = 0;
  stats = 0;
  statBytes = 0;
}

/** A stream that speaks fsutil: a call of the session, whichever side opened it. */
export type PacketStream = Pick<SessionCall, "messages" | "send" | "signal">;

/** 20.10 takes messages of 4 MiB; small enough for many files to share the window, large enough to cost nothing per chunk. */
const chunkBytes = 256 * 1024;
/** How many files are read at once. */
const readsInFlight = 32;
const longestReason = 4096;

/**
 * Sends a tree over one DiffCopy call: stats in order, and the content of what the receiver asks for while the walk still
 * goes on. Returns when the receiver has said FIN. Throws what the tree threw, after telling the receiver; `RpcError` for a
 * receiver that breaks the protocol; the signal's reason when the call is over.
 */
export async function sendTree(
  stream: PacketStream,
  tree: ContextTree,
  filter: TreeFilter,
  counter: SendCounter = new SendCounter(),
): Promise<void> {
  const sender = new Sender(stream, tree, counter);
  await sender.run(filter);
}

class Sender {
  private readonly stream: PacketStream;
  private readonly tree: ContextTree;
  private readonly counter: SendCounter;
  private readonly breath = new Breath();
  /** What may be asked for, by id. Directories, links and what was asked for already are not in it. */
  private readonly wanted = new Map<number, TreeEntry>();
  private readonly requests: { id: number; entry: TreeEntry }[] = [];
  private nextRequest = 0;
  private reading = 0;
  /** The first name sent that is no UTF-8: newer engines end the call over it, with a text that names nothing. */
  private unreadableName: Buffer | undefined;
  /** Ends the walk and the reads: set off by FIN, by a failure and by the end of the call. */
  private readonly over = new AbortController();
  private readonly failed: Promise<never>;
  private fail: (reason: unknown) => void = () => {};

  constructor(stream: PacketStream, tree: ContextTree, counter: SendCounter) {
    this.stream = stream;
    this.tree = tree;
    this.counter = counter;
    this.failed = new Promise<never>((_, reject) => {
      this.fail = reject;
    });
    this.failed.catch(() => {});
    // Every read in flight listens.
    setMaxListeners(0, this.over.signal);
  }

  async run(filter: TreeFilter): Promise<void> {
    const { signal } = this.stream;
    const abort = () => this.fail(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    // Not awaited below: a receiver that stops reading may hold the walk until the call is gone, and it must not hold the
    // answer to the call too.
    this.walk(filter).catch((error: unknown) => this.fail(error));
    const answers = this.answerRequests();
    answers.catch(() => {});
    try {
      await Promise.race([answers, this.failed]);
      this.over.abort();
      await this.stream.send(finPacket);
    } catch (error) {
      this.over.abort();
      if (!signal.aborted && !(error instanceof RpcError)) this.tell(error);
      throw error instanceof RpcError && this.unreadableName !== undefined
        ? nameRefused(this.unreadableName, error)
        : error;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  private async walk(filter: TreeFilter): Promise<void> {
    const { counter, over } = this;
    let id = 0;
    for await (const entry of this.tree.entries(filter, over.signal)) {
      if (over.signal.aborted) return;
      // A hard link has no content of its own: the receiver links it to its first occurrence.
      if (isRegular(entry.mode) && entry.linkname === undefined) this.wanted.set(id, entry);
      id++;
      if (this.unreadableName === undefined && !isUtf8(entry.path)) this.unreadableName = entry.path;
      const packet = encodeStat(entry);
      counter.stats++;
      counter.statBytes += packet.length;
      await this.stream.send(packet);
      await this.breath.taken();
    }
    if (!over.signal.aborted) await this.stream.send(endOfWalk);
  }

  /** Resolves with FIN. */
  private async answerRequests(): Promise<void> {
    for await (const message of this.stream.messages) {
      const packet = decodePacket(message);
      switch (packet.type) {
        case packetType.request:
          this.accept(packet.id);
          break;
        case packetType.fin:
          return;
        case packetType.error:
          throw new RpcError(rpcStatus.aborted, `error from receiver: ${printable(packet.data)}`);
        default:
          throw new RpcError(
            rpcStatus.invalidArgument,
            `a receiver does not send packets of type ${packet.type}`,
          );
      }
    }
    throw new RpcError(rpcStatus.aborted, "the receiver left before the end of the transfer");
  }

  private accept(id: number): void {
    const entry = this.wanted.get(id);
    if (entry === undefined) throw new RpcError(rpcStatus.invalidArgument, `invalid file id ${id}`);
    this.wanted.delete(id);
    if (this.over.signal.aborted) return;
    this.requests.push({ id, entry });
    if (this.reading < readsInFlight) {
      this.reading++;
      this.serve().catch((error: unknown) => this.fail(error));
    }
  }

  /** Works through the requests until none is left. */
  private async serve(): Promise<void> {
    for (;;) {
      const request = this.requests[this.nextRequest];
      if (request === undefined) break;
      this.nextRequest++;
      if (this.nextRequest >= 1024) {
        this.requests.splice(0, this.nextRequest);
        this.nextRequest = 0;
      }
      await this.sendFile(request.id, request.entry);
      if (this.over.signal.aborted) return;
    }
    this.reading--;
  }

  private async sendFile(id: number, entry: TreeEntry): Promise<void> {
    const { counter, over } = this;
    let sent = 0;
    for await (const chunk of this.tree.read(entry, over.signal)) {
      for (let at = 0; at < chunk.length; at += chunkBytes) {
        if (over.signal.aborted) return;
        const piece = chunk.length <= chunkBytes ? chunk : chunk.subarray(at, at + chunkBytes);
        sent += piece.length;
        if (sent > entry.size) throw changed(entry);
        counter.bytes += piece.length;
        await this.stream.send(encodeData(id, piece));
        await this.breath.taken();
      }
    }
    if (over.signal.aborted) return;
    if (sent !== entry.size) throw changed(entry);
    counter.files++;
    await this.stream.send(encodeData(id, emptyChunk));
    await this.breath.taken();
  }

  /** The receiver shows this text as the reason of the failed build; it may already be gone. */
  private tell(error: unknown): void {
    const text = error instanceof Error ? error.message : String(error);
    this.stream.send(encodeError(text.slice(0, longestReason))).catch(() => {});
  }
}

const emptyChunk = new Uint8Array(0);

/** The last line of defence: whatever a tree does, a file of another length than announced never ends well. */
function changed(entry: TreeEntry): BuildKitError {
  const name = entry.path.toString();
  return new BuildKitError("context_changed", `${name} changed while it was being sent to the daemon.`, {
    hint: "Build again when nothing writes to the build context.",
  });
}

/** BuildKit from 0.16 or so reads names as protobuf strings, which have to be UTF-8; 20.10 and 26 take any bytes. */
function nameRefused(name: Buffer, cause: RpcError): BuildKitError {
  const shown = JSON.stringify(name.toString());
  return new BuildKitError(
    "context_invalid",
    `The engine ended the transfer; the name ${shown} is not UTF-8.`,
    {
      hint: "Newer engines take no such names: rename the file, or name it in .dockerignore (? stands for one such byte).",
      cause,
    },
  );
}

function printable(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.subarray(0, longestReason)).toString();
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is taken out
  return text.replace(/[\u0000-\u001f\u007f]/g, " ");
}
