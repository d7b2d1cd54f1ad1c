import type { Digest, SolveStatus, Vertex, VertexLog } from "../progress/types.js";
import { plainText } from "./text.js";

const maxLogBytes = 64 * 1024;
const maxLogLines = 256;
const maxLogChunks = 2048;
const maxVertices = 8192;
const maxNameLength = 4096;

/** A vertex as far as a failure needs it. */
export interface SeenVertex {
  readonly digest: Digest;
  readonly name: string;
  /** The daemon's text for this vertex; absent while it runs and when it succeeded. */
  readonly error?: string;
  /** Started and neither completed nor failed when the evidence was read. */
  readonly running: boolean;
}

interface LogTail {
  bytes: number;
  readonly chunks: { readonly stream: number; readonly bytes: Uint8Array }[];
}

/**
 * Remembers what an error report may need of a solve's Status messages, in bounded memory: names and errors of the
 * vertices, and the last 64 KB or 256 lines of what each running or failed one printed. A step that succeeds is
 * forgotten but for its name. Logs are kept as bytes and read only when somebody asks, since most builds succeed.
 */
export class FailureEvidence {
  readonly #vertices = new Map<Digest, SeenVertex>();
  readonly #logs = new Map<Digest, LogTail>();

  /** Takes in one Status message. Cheap enough for a step that prints a million lines. */
  add(status: SolveStatus): void {
    for (const log of status.logs) this.#keep(log);
    for (const vertex of status.vertexes) this.#see(vertex);
  }

  /** Every vertex in the order of its first appearance. */
  vertices(): readonly SeenVertex[] {
    return [...this.#vertices.values()];
  }

  /** The vertices that failed, in the order of their first appearance. */
  failed(): readonly SeenVertex[] {
    return this.vertices().filter((vertex) => vertex.error !== undefined);
  }

  vertex(digest: Digest): SeenVertex | undefined {
    return this.#vertices.get(digest);
  }

  /** The last lines that a running or failed vertex printed, oldest first, free of line ends and control characters. */
  logTail(digest: Digest, lines: number = maxLogLines): readonly string[] {
    const tail = this.#logs.get(digest);
    if (tail === undefined || lines <= 0) return [];
    return readLines(tail).slice(-Math.min(lines, maxLogLines));
  }

  #see(vertex: Vertex): void {
    const before = this.#vertices.get(vertex.digest);
    if (before === undefined && this.#vertices.size >= maxVertices) this.#forgetOne();
    const name = vertex.name === "" ? (before?.name ?? "") : vertex.name.slice(0, maxNameLength);
    const error = vertex.error ? vertex.error : undefined;
    const running = vertex.started !== undefined && vertex.completed === undefined;
    this.#vertices.set(vertex.digest, {
      digest: vertex.digest,
      name,
      running,
      ...(error === undefined ? {} : { error }),
    });
    if (vertex.completed !== undefined && error === undefined) this.#logs.delete(vertex.digest);
  }

  #forgetOne(): void {
    for (const vertex of this.#vertices.values()) {
      if (vertex.error !== undefined || vertex.running) continue;
      this.#drop(vertex.digest);
      return;
    }
    const oldest = this.#vertices.keys().next();
    if (!oldest.done) this.#drop(oldest.value);
  }

  #drop(digest: Digest): void {
    this.#vertices.delete(digest);
    this.#logs.delete(digest);
  }

  #keep(log: VertexLog): void {
    let tail = this.#logs.get(log.vertex);
    if (tail === undefined) {
      if (this.#logs.size >= maxVertices) return;
      tail = { bytes: 0, chunks: [] };
      this.#logs.set(log.vertex, tail);
    }
    // A copy: the message's buffer, of which this is a slice, would otherwise live as long as the tail does.
    const bytes = new Uint8Array(log.data.subarray(Math.max(0, log.data.length - maxLogBytes)));
    if (bytes.length === 0) return;
    tail.chunks.push({ stream: log.stream, bytes });
    tail.bytes += bytes.length;
    let first = tail.chunks[0];
    while (
      first !== undefined &&
      (tail.bytes - first.bytes.length >= maxLogBytes || tail.chunks.length > maxLogChunks)
    ) {
      tail.chunks.shift();
      tail.bytes -= first.bytes.length;
      first = tail.chunks[0];
    }
  }
}

/** Joins chunks to lines, each stream by itself: stdout and stderr interleave in the middle of lines. */
function readLines(tail: LogTail): string[] {
  const lines: string[] = [];
  const open = new Map<number, { readonly decoder: InstanceType<typeof TextDecoder>; rest: string }>();
  for (const chunk of tail.chunks) {
    let stream = open.get(chunk.stream);
    if (stream === undefined) {
      stream = { decoder: new TextDecoder(), rest: "" };
      open.set(chunk.stream, stream);
    }
    const parts = (stream.rest + stream.decoder.decode(chunk.bytes, { stream: true })).split("\n");
    stream.rest = parts.pop() ?? "";
    for (const part of parts) lines.push(plainText(part));
  }
  for (const stream of open.values()) {
    const rest = plainText(stream.rest + stream.decoder.decode());
    if (rest !== "") lines.push(rest);
  }
  return lines;
}
