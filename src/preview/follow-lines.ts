import { setTimeout as delay } from "node:timers/promises";
import { containerLog, type Docker, type LogOptions } from "../docker/index.js";
import { GalleyError } from "../errors/index.js";
import { type LogLine, LogLines } from "./lines.js";

/** Milliseconds for which lines are gathered, and how many at most. */
const GATHER_MS = 100;
const MAX_LINES = 500;

/**
 * What a container prints, a handful of lines at a time, until it ends. Reading slowly holds the engine back.
 *
 * @param options `follow` is true where nothing is said of it
 */
export async function* followLines(
  docker: Docker,
  id: string,
  options: Omit<LogOptions, "timestamps">,
): AsyncGenerator<LogLine[]> {
  const lines = new LogLines();
  const left = new AbortController();
  const signal = AbortSignal.any([options.signal, left.signal]);
  const chunks = containerLog(docker, id, { follow: true, ...options, signal, timestamps: true });
  let next = chunks.next();
  let gathered: LogLine[] = [];
  let over: Promise<"over"> | undefined;
  try {
    for (;;) {
      const got = await Promise.race([next, ...(over ? [over] : [])]);
      if (got !== "over") {
        if (got.done) break;
        gathered.push(...lines.push(got.value));
        next = chunks.next();
        if (gathered.length > 0) over ??= delay(GATHER_MS, "over" as const, { ref: false });
      }
      if (got === "over" || gathered.length >= MAX_LINES) {
        if (gathered.length > 0) yield gathered;
        gathered = [];
        over = undefined;
      }
    }
    gathered.push(...lines.end());
    if (gathered.length > 0) yield gathered;
  } finally {
    // Who stops reading ends the connection, too.
    left.abort(new GalleyError("interrupted", "nobody reads the log any more"));
    await next.catch(() => {});
  }
}
