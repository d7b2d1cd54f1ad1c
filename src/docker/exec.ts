import { engineError, statusOf } from "./api-error.js";
import type { Docker } from "./connect.js";
import { LogFrames } from "./log-frames.js";
import { within } from "./within.js";

/** Bytes of output that are kept; the rest is read and dropped. */
const MAX_OUTPUT = 1024 * 1024;
const LIMIT_MS = 10_000;

/** How a program ended that was run in a container. */
export interface ExecEnd {
  readonly exitCode: number;
  readonly output: string;
}

/**
 * Runs a program in a running container and waits for its end.
 *
 * @returns what it printed, and its exit code (126 and 127 where the container has no such program); undefined when the container
 *   does not run
 * @param limitMs milliseconds, default 10,000; what takes longer goes on in the container, without anybody who waits
 * @throws engine_error, engine_unreachable (also at the limit), or the signal's reason
 */
export async function execInContainer(
  docker: Docker,
  id: string,
  command: readonly string[],
  signal: AbortSignal,
  limitMs = LIMIT_MS,
): Promise<ExecEnd | undefined> {
  try {
    const run = async (abortSignal: AbortSignal) => {
      const exec = await docker
        .getContainer(id)
        .exec({ Cmd: [...command], AttachStdout: true, AttachStderr: true, abortSignal });
      const stream = await exec.start({ hijack: false, stdin: false, abortSignal });
      const output = await read(stream, abortSignal);
      const { ExitCode } = await exec.inspect({ abortSignal });
      return { exitCode: ExitCode ?? -1, output };
    };
    return await within(signal, run, limitMs);
  } catch (error) {
    const status = statusOf(error);
    if (status === 404 || status === 409) return undefined;
    if (status === 400) return { exitCode: 127, output: "" };
    throw engineError(`nothing could be run in container ${id}`, error, signal);
  }
}

async function read(stream: NodeJS.ReadableStream, signal: AbortSignal): Promise<string> {
  const frames = new LogFrames();
  const kept: Buffer[] = [];
  let bytes = 0;
  const stop = () => (stream as unknown as { destroy(error: unknown): void }).destroy(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  try {
    for await (const chunk of stream) {
      for (const { data } of frames.push(chunk as unknown as Buffer)) {
        if (bytes < MAX_OUTPUT) kept.push(data);
        bytes += data.length;
      }
    }
    signal.throwIfAborted();
    return Buffer.concat(kept).subarray(0, MAX_OUTPUT).toString();
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
