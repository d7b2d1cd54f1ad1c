import { mkdirSync } from "node:fs";
import { BuildKitError } from "../errors.js";
import { textOf } from "./anchored.js";
import { Breath } from "./breath.js";
import { EntryOrder } from "./entry-order.js";
import { FileSink } from "./file-sink.js";
import { isDirectory, isRegular, isSymlink } from "./mode.js";
import { decodePacket, encodeError, encodeRequest, finPacket, type Packet, packetType } from "./packet.js";
import type { PacketStream } from "./send.js";
import { TargetDirectory } from "./target-directory.js";
import type { TreeEntry } from "./tree.js";

/** What has been received so far. */
export interface ReceiveProgress {
  /** Files that are complete. */
  readonly files: number;
  /** Bytes of file content. */
  readonly bytes: number;
  /** Everything that was announced: directories and links too. */
  readonly entries: number;
}

export interface ReceiveOptions {
  /** At most every 100 ms, and once at the end. */
  readonly onProgress?: (progress: ReceiveProgress) => void;
  /** Called for what Node cannot create: device nodes and fifos. They are left out. */
  readonly onSkipped?: (path: string) => void;
}

const requestsInFlight = 64;
const progressIntervalMs = 100;
/** No image has so many; without a limit a sender could fill the memory with names. */
const mostEntries = 5_000_000;

/**
 * Receives a tree that the daemon sends over one `FileSend/DiffCopy` call (exporter `local`) into a directory, which is made
 * when it is missing. As with buildx what is there already stays, unless something of the same name comes; owners are those
 * of this process. Modes, times (to a quarter of a microsecond), links and hard links are kept.
 *
 * Throws `protocol_violation` for a sender that leaves the target or breaks the protocol, `disk_full`, `export_failed` for
 * what cannot be written and for a sender that gives up, and the signal's reason when the call is over before everything has
 * come. What was complete by then stays; files that were not complete are removed.
 */
export async function receiveTree(
  stream: PacketStream,
  target: string,
  options: ReceiveOptions = {},
): Promise<ReceiveProgress> {
  const receiver = new Receiver(stream, target, options);
  const report = () => options.onProgress?.(receiver.progress());
  const timer = setInterval(report, progressIntervalMs);
  try {
    await receiver.run();
    return receiver.progress();
  } finally {
    clearInterval(timer);
    report();
  }
}

class Receiver {
  private readonly stream: PacketStream;
  private readonly target: string;
  private readonly options: ReceiveOptions;
  private readonly order = new EntryOrder();
  private readonly breath = new Breath();
  /** Announced and not yet acted upon. */
  private queue: { id: number; depth: number; entry: TreeEntry }[] = [];
  private taken = 0;
  private walkEnded = false;
  /** All that was announced is here; what is left are the farewells. */
  private whole = false;
  private readonly sinks = new Map<number, FileSink>();
  private finishing = 0;
  /** Regular files by path: what a hard link may point to. */
  private readonly linkable = new Set<string>();
  private entries = 0;
  private files = 0;
  private bytes = 0;
  private failure: { readonly reason: unknown } | undefined;
  private wake: () => void = () => {};

  constructor(stream: PacketStream, target: string, options: ReceiveOptions) {
    this.stream = stream;
    this.target = target;
    this.options = options;
  }

  progress(): ReceiveProgress {
    return { files: this.files, bytes: this.bytes, entries: this.entries };
  }

  async run(): Promise<void> {
    const { signal } = this.stream;
    const abort = () => {
      if (!this.whole) this.fail(signal.reason);
    };
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    const finished = this.read().catch((error: unknown) => {
      if (!(this.whole && signal.aborted)) this.fail(error);
    });
    try {
      await this.build();
      // The engine of 20.10 cancels the call as soon as it has said its last word, which is lost by that when it is busy.
      this.whole = true;
      await this.stream.send(finPacket).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
      await finished;
      this.check();
    } catch (error) {
      const reason = this.failure?.reason ?? error;
      this.fail(reason);
      await Promise.all([...this.sinks.values()].map((sink) => sink.discard().catch(() => {})));
      if (signal.aborted) throw reason;
      const told = reason instanceof BuildKitError ? reason : writeFailure(this.target, reason);
      this.stream.send(encodeError(told.message)).catch(() => {});
      throw told;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** Reads to the sender's FIN, which answers ours. */
  private async read(): Promise<void> {
    for await (const message of this.stream.messages) {
      if (this.failure !== undefined) return;
      const packet = decodePacket(message);
      if (packet.type === packetType.fin) return;
      const written = this.take(packet);
      if (written !== undefined) await written;
    }
    throw new BuildKitError("export_failed", "The daemon ended the export before it was complete.");
  }

  private take(packet: Packet): Promise<void> | undefined {
    switch (packet.type) {
      case packetType.stat:
        if (packet.stat === undefined) this.walkEnded = true;
        else this.announce(packet.stat);
        this.wake();
        return undefined;
      case packetType.data:
        return this.data(packet.id, packet.data);
      case packetType.error: {
        const text = Buffer.from(packet.data.subarray(0, 4096)).toString();
        throw new BuildKitError("export_failed", `The daemon ended the export: ${text}`);
      }
      default:
        throw new BuildKitError(
          "protocol_violation",
          `The daemon sent a file packet of type ${packet.type}.`,
        );
    }
  }

  private announce(entry: TreeEntry): void {
    if (this.walkEnded)
      throw new BuildKitError("protocol_violation", "The daemon sent an entry after the last one.");
    if (this.entries >= mostEntries)
      throw new BuildKitError("export_failed", "The export has too many files.");
    const path = entry.path.toString("latin1");
    const depth = this.order.accept(path, isDirectory(entry.mode));
    const id = this.entries++;
    if (isRegular(entry.mode)) {
      const link = entry.linkname?.toString("latin1");
      if (link !== undefined && !this.linkable.has(link)) {
        throw new BuildKitError(
          "protocol_violation",
          `The daemon sent ${textOf(path)} as a link to an unknown file.`,
        );
      }
      this.linkable.add(path);
    }
    this.queue.push({ id, depth, entry });
  }

  private data(id: number, chunk: Uint8Array): Promise<void> | undefined {
    const sink = this.sinks.get(id);
    if (sink === undefined)
      throw new BuildKitError("protocol_violation", `The daemon sent the file ${id} unasked.`);
    if (chunk.length > 0) {
      this.bytes += chunk.length;
      return sink.write(chunk);
    }
    this.sinks.delete(id);
    this.finishing++;
    const done = sink.finish().then(
      () => {
        this.files++;
        this.finishing--;
        this.wake();
      },
      (error: unknown) => {
        this.sinks.set(id, sink);
        this.fail(error);
      },
    );
    // Small files are done by now; large ones are written while other packets are read.
    done.catch(() => {});
    return undefined;
  }

  /** Makes what was announced, in order, and asks for the content of files. */
  private async build(): Promise<void> {
    mkdirSync(this.target, { recursive: true, mode: 0o700 });
    const open = [TargetDirectory.open(this.target)];
    try {
      for (;;) {
        this.check();
        const next = this.queue[this.taken];
        if (next === undefined) {
          this.queue = [];
          this.taken = 0;
          if (this.walkEnded) break;
          await this.something();
          continue;
        }
        this.taken++;
        while (open.length > next.depth + 1) open.pop()?.leave();
        const made = await this.make(open, next.id, next.entry);
        if (made !== undefined) open.push(made);
        await this.breath.taken();
      }
      await this.idle();
    } finally {
      for (const directory of open.reverse()) directory.leave();
    }
  }

  private async make(
    open: readonly TargetDirectory[],
    id: number,
    entry: TreeEntry,
  ): Promise<TargetDirectory | undefined> {
    const path = entry.path.toString("latin1");
    const name = path.slice(path.lastIndexOf("/") + 1);
    const parent = open.at(-1);
    const root = open[0];
    if (parent === undefined || root === undefined) return undefined;
    if (isDirectory(entry.mode)) return parent.directory(name, entry);
    if (isSymlink(entry.mode)) {
      parent.symlink(name, entry.linkname ?? Buffer.alloc(0), entry.modTime);
    } else if (!isRegular(entry.mode)) {
      this.options.onSkipped?.(textOf(path));
    } else if (entry.linkname !== undefined) {
      // Its first occurrence may still be on the way, under a temporary name.
      await this.idle();
      const names = entry.linkname.toString("latin1").split("/");
      const from = names.pop() ?? "";
      const directory = root.descend(names);
      try {
        parent.hardLink(name, { directory, name: from });
      } finally {
        directory.release();
      }
    } else {
      while (this.sinks.size + this.finishing >= requestsInFlight) {
        await this.something();
        this.check();
      }
      this.sinks.set(id, new FileSink(parent, name, entry));
      await this.stream.send(encodeRequest(id));
    }
    return undefined;
  }

  /** Waits until no file is on the way. */
  private async idle(): Promise<void> {
    while (this.sinks.size + this.finishing > 0) {
      await this.something();
      this.check();
    }
  }

  private something(): Promise<void> {
    if (this.failure !== undefined) return Promise.resolve();
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  private fail(reason: unknown): void {
    this.failure ??= { reason };
    this.wake();
  }

  private check(): void {
    if (this.failure !== undefined) throw this.failure.reason;
  }
}

function writeFailure(target: string, cause: unknown): BuildKitError {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown error";
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new BuildKitError("disk_full", `The disk of ${target} is full.`, {
      hint: "Free space, or export to another disk.",
      cause,
    });
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new BuildKitError("export_failed", `The export to ${target} failed: ${reason}`, { cause });
}
