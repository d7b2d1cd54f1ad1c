import { engineError, statusOf } from "./api-error.js";
import type { Docker } from "./connect.js";
import { LogFrames } from "./log-frames.js";
import { within } from "./within.js";

/** A piece of what a container printed; it need not end at the end of a line. */
export interface LogChunk {
  /** 1 stdout, 2 stderr. A container with a terminal has only the first. */
  readonly stream: 1 | 2;
  readonly data: Buffer;
}

export interface LogOptions {
  readonly signal: AbortSignal;
  /** Go on until the container ends. Default: false. */
  readonly follow?: boolean;
  /** Only so many lines from the end. Default: all. */
  readonly tail?: number;
  /** Milliseconds since 1970: only what was printed from then on. Default: all. */
  readonly since?: number;
  /** Each line begins with its time, RFC 3339 with nanoseconds, and a blank. Default: false. */
  readonly timestamps?: boolean;
}

/**
 * What a container printed, in order. Reading slowly holds the engine back. A container that is gone has printed nothing.
 * Throws `engine_error`, `engine_unreachable`, and the signal's reason.
 */
export async function* containerLog(
  docker: Docker,
  id: string,
  options: LogOptions,
): AsyncGenerator<LogChunk> {
  const { signal, follow = false, timestamps = false, tail, since } = options;
  const what = `the log of container ${id} could not be read`;
  const container = docker.getContainer(id);
  try {
    const { Config } = await within(signal, (abortSignal) => container.inspect({ abortSignal }));
    const asked = {
      stdout: true,
      stderr: true,
      follow,
      timestamps,
      ...(tail === undefined ? {} : { tail }),
      ...(since === undefined ? {} : { since: (since / 1000).toFixed(3) }),
    };
    const stream = await within(signal, () => openLog(docker, id, asked, signal));
    yield* chunksOf(stream, Config.Tty === true, signal);
  } catch (error) {
    if (statusOf(error) !== 404) throw engineError(what, error, signal);
  }
}

/** The last lines of both streams in the order in which they ended, without line ends. */
export async function lastLogLines(
  docker: Docker,
  id: string,
  lines: number,
  signal: AbortSignal,
): Promise<string[]> {
  const found: string[] = [];
  // A line of one stream may be cut in two by a line of the other.
  const unended = { 1: "", 2: "" };
  const decoders = { 1: new TextDecoder(), 2: new TextDecoder() };
  for await (const { stream, data } of containerLog(docker, id, { signal, tail: lines })) {
    const parts = (unended[stream] + decoders[stream].decode(data, { stream: true })).split(/\r?\n/);
    unended[stream] = parts.pop() ?? "";
    found.push(...parts);
  }
  found.push(...Object.values(unended).filter((line) => line !== ""));
  return found.slice(-lines);
}

/** Always as a stream: the library's own `logs` parses a whole answer as JSON where it can, and a log may be JSON. */
function openLog(
  docker: Docker,
  id: string,
  options: object,
  abortSignal: AbortSignal,
): Promise<NodeJS.ReadableStream> {
  return new Promise((resolve, reject) => {
    const request = {
      path: `/containers/${encodeURIComponent(id)}/logs?`,
      method: "GET",
      options,
      abortSignal,
      isStream: true,
      statusCodes: { 200: true, 404: "no such container", 500: "server error" },
    };
    docker.modem.dial(request, (error: unknown, stream: unknown) => {
      if (error) reject(error);
      else resolve(stream as NodeJS.ReadableStream);
    });
  });
}

async function* chunksOf(
  stream: NodeJS.ReadableStream,
  terminal: boolean,
  signal: AbortSignal,
): AsyncGenerator<LogChunk> {
  const frames = new LogFrames();
  const stop = () => (stream as unknown as { destroy(error: unknown): void }).destroy(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  try {
    signal.throwIfAborted();
    for await (const chunk of stream) {
      const data = chunk as unknown as Buffer;
      if (terminal) yield { stream: 1, data };
      else yield* frames.push(data);
    }
    signal.throwIfAborted();
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
