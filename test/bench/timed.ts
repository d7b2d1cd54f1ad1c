import type { Measured } from "./measure.js";

/** For contenders that are no command: the time of what happens between other processes. Memory is measured otherwise, or not at all. */
export async function timed(work: () => Promise<unknown>): Promise<Measured> {
  const startedAt = performance.now();
  await work();
  return { wallMs: performance.now() - startedAt, peakBytes: 0, stdout: "", stderr: "", startedAt, lines: 0 };
}
