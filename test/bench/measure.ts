import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

export interface Command {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Notes when this text is first printed, on either stream. */
  readonly watchFor?: string;
}

export interface Measured {
  /** Milliseconds from spawn to exit. */
  readonly wallMs: number;
  /** Bytes: the high-water marks of the process and of all it started, added up, as the kernel keeps them. */
  readonly peakBytes: number;
  /** The last megabyte of each. */
  readonly stdout: string;
  readonly stderr: string;
  /** `performance.now()` just before the spawn. */
  readonly startedAt: number;
  /** Milliseconds from spawn to `watchFor`; absent when it was not printed. */
  readonly seenMs?: number;
  /** All that were printed, on both streams. */
  readonly lines: number;
}

/** No command of the benchmark takes longer unless it hangs. */
const deadlineMs = 5 * 60_000;

/** Runs a command to its end. A failing command ends the benchmark: half a result is no result. */
export function measure(
  { command, args, cwd, env, watchFor }: Command,
  signal: AbortSignal,
): Promise<Measured> {
  return new Promise((resolve, reject) => {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(deadlineMs)]);
    const startedAt = performance.now();
    const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"], signal: limit });
    const peaks = new Map<number, number>();
    // A high-water mark only grows, so that a look now and then is enough.
    const timer = setInterval(() => lookAt(child.pid, peaks), 20);
    const stdout = new Tail();
    const stderr = new Tail();
    let seenMs: number | undefined;
    let lines = 0;
    for (const [stream, tail] of [[child.stdout, stdout] as const, [child.stderr, stderr] as const]) {
      stream.on("data", (chunk: Buffer) => {
        tail.add(chunk);
        lines += countLines(chunk);
        // The text may lie across two chunks.
        if (watchFor !== undefined && seenMs === undefined && tail.recent().includes(watchFor))
          seenMs = performance.now() - startedAt;
      });
    }
    child.on("error", (error) => {
      clearInterval(timer);
      reject(limit.aborted ? limit.reason : error);
    });
    child.on("close", (code, killed) => {
      clearInterval(timer);
      const wallMs = performance.now() - startedAt;
      if (code !== 0) {
        const ending = killed ?? `exit code ${code}`;
        reject(
          new Error(`${command} ${args.join(" ")}\nended with ${ending}:\n${stderr.text.slice(-8_000)}`),
        );
        return;
      }
      const peakBytes = [...peaks.values()].reduce((sum, peak) => sum + peak, 0);
      resolve({
        wallMs,
        peakBytes,
        stdout: stdout.text,
        stderr: stderr.text,
        startedAt,
        lines,
        ...(seenMs !== undefined && { seenMs }),
      });
    });
  });
}

function countLines(chunk: Buffer): number {
  let lines = 0;
  for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines++;
  return lines;
}

/** Notes the peak of a process and of its children: the docker CLI runs buildx, and galley runs git. */
function lookAt(pid: number | undefined, peaks: Map<number, number>): void {
  if (pid === undefined) return;
  try {
    const mark = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
    if (mark !== undefined) peaks.set(pid, Number(mark) * 1024);
    for (const thread of threads(pid)) {
      const children = readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8");
      for (const child of children.split(" ")) if (child !== "") lookAt(Number(child), peaks);
    }
  } catch {
    // gone already
  }
}

/** Go starts a child from whatever thread it is on, and /proc lists children by the thread that started them. */
const threads = (pid: number): string[] => readdirSync(`/proc/${pid}/task`);

/** Several commands at once, as one: until the last has ended, with the memory of all. */
export async function measureTogether(commands: readonly Command[], signal: AbortSignal): Promise<Measured> {
  const startedAt = performance.now();
  const all = await Promise.all(commands.map((command) => measure(command, signal)));
  return { ...joined(all, startedAt), peakBytes: all.reduce((sum, { peakBytes }) => sum + peakBytes, 0) };
}

/** Several commands one after the other, as one. */
export async function measureInTurn(commands: readonly Command[], signal: AbortSignal): Promise<Measured> {
  const startedAt = performance.now();
  const all: Measured[] = [];
  for (const command of commands) all.push(await measure(command, signal));
  return { ...joined(all, startedAt), peakBytes: Math.max(...all.map(({ peakBytes }) => peakBytes)) };
}

const joined = (all: readonly Measured[], startedAt: number): Omit<Measured, "peakBytes"> => ({
  startedAt,
  wallMs: performance.now() - startedAt,
  lines: all.reduce((sum, { lines }) => sum + lines, 0),
  stdout: all.map(({ stdout }) => stdout).join(""),
  stderr: all.map(({ stderr }) => stderr).join(""),
});

/** Keeps the last megabyte: enough to read a result from, and a million log lines do not count as the tool's memory. */
class Tail {
  private chunks: Buffer[] = [];
  private size = 0;
  add(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.size += chunk.length;
    while (this.size > 1024 * 1024 && this.chunks.length > 1) this.size -= this.chunks.shift()?.length ?? 0;
  }
  /** The last two chunks: what has just come, and where it may have begun. */
  recent(): Buffer {
    return Buffer.concat(this.chunks.slice(-2));
  }
  get text(): string {
    return Buffer.concat(this.chunks).toString("utf8");
  }
}
