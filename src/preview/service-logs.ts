import { setMaxListeners } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { type Docker, findContainers, openContainerEvents } from "../docker/index.js";
import { followLines } from "./follow-lines.js";
import { environmentLabels, labelKeys, type Owner } from "./labels.js";
import type { LogLine } from "./lines.js";

export interface ServiceLogLine extends LogLine {
  readonly service: string;
}

export interface ServiceLogsOptions {
  /** Default: all of them. */
  readonly service?: string | undefined;
  /** Milliseconds since 1970. Default: from the beginning, as far as the engine keeps it (three files of 10 MB). */
  readonly since?: number | undefined;
  /** Only so many lines from the end, of each container. Default: all. */
  readonly tail?: number | undefined;
  /** Go on with what comes, also after restarts and from the containers of later deployments, until the signal. Default: false. */
  readonly follow?: boolean | undefined;
  readonly signal: AbortSignal;
}

/** Milliseconds until the engine is asked again after it was lost, while its log is followed. */
const RETRY_MS = 1_000;
/** Lines that may wait to be read; then the engine is held back. */
const MAX_WAITING = 2_000;

/**
 * What the services of an environment print, line by line. Without `follow` in the order of their times; with it those that there
 * are in that order as far as they come together, then as they come. Ends with the signal without an error where it follows.
 *
 * @throws engine_unreachable, engine_error, or, where it does not follow, the signal's reason
 */
export async function* serviceLogs(
  docker: Docker,
  owner: Pick<Owner, "agent" | "environment">,
  options: ServiceLogsOptions,
): AsyncGenerator<ServiceLogLine> {
  if (options.follow) yield* follow(docker, owner, options);
  else yield* printed(docker, owner, options);
}

async function* printed(
  docker: Docker,
  owner: Pick<Owner, "agent" | "environment">,
  { service, since, tail, signal }: ServiceLogsOptions,
): AsyncGenerator<ServiceLogLine> {
  const logs: AsyncGenerator<LogLine[]>[] = [];
  const heads: { service: string; lines: LogLine[]; log: AsyncGenerator<LogLine[]> }[] = [];
  try {
    for (const one of await containersOf(docker, owner, service, signal)) {
      const log = followLines(docker, one.id, { signal, follow: false, ...given(since, tail) });
      logs.push(log);
      const first = await log.next();
      if (!first.done) heads.push({ service: one.service, lines: first.value, log });
    }
    // A handful of lines of each container is held, and of those the oldest goes first.
    while (heads.length > 0) {
      const oldest = heads.reduce((a, b) => ((b.lines[0]?.at ?? "") < (a.lines[0]?.at ?? "") ? b : a));
      const line = oldest.lines.shift();
      if (line) yield { service: oldest.service, ...line };
      if (oldest.lines.length > 0) continue;
      const next = await oldest.log.next();
      if (next.done) heads.splice(heads.indexOf(oldest), 1);
      else oldest.lines = next.value;
    }
  } finally {
    for (const log of logs) await log.return(undefined);
  }
}

async function* follow(
  docker: Docker,
  owner: Pick<Owner, "agent" | "environment">,
  { service, since, tail, signal }: ServiceLogsOptions,
): AsyncGenerator<ServiceLogLine> {
  const left = new AbortController();
  const either = AbortSignal.any([signal, left.signal]);
  const waiting: ServiceLogLine[] = [];
  /** By container: the time of its last line, so that nothing is told twice. */
  const told = new Map<string, { at: string; texts: Set<string> }>();
  const followed = new Set<string>();
  let ring = () => {};
  let drained = () => {};
  const stop = () => ring();
  either.addEventListener("abort", stop, { once: true });
  // One for each container, and for each call of the engine that is under way.
  setMaxListeners(0, either);
  const watching = watch();
  try {
    for (;;) {
      const line = waiting.shift();
      if (line) {
        if (waiting.length < MAX_WAITING) drained();
        yield line;
        continue;
      }
      if (either.aborted) return;
      await new Promise<void>((resolve) => {
        ring = resolve;
        if (waiting.length > 0 || either.aborted) resolve();
      });
    }
  } finally {
    either.removeEventListener("abort", stop);
    left.abort();
    drained();
    await watching;
  }

  /** Containers that are started, the first time or again, are followed from where they were. */
  async function watch(): Promise<void> {
    const label = `${labelKeys.environment}=${owner.environment}`;
    while (!either.aborted) {
      try {
        const events = await openContainerEvents(docker, { actions: ["start"], label, signal: either });
        for (const one of await containersOf(docker, owner, service, either))
          void followOne(one.id, one.service);
        for await (const { id, attributes } of events) {
          const ours =
            attributes[labelKeys.agent] === owner.agent && attributes[labelKeys.role] === "service";
          const name = attributes[labelKeys.service] ?? "";
          if (ours && (service === undefined || name === service)) void followOne(id, name);
        }
      } catch {
        // The engine is away, or the signal was given: what was printed meanwhile comes when it is back.
      }
      await delay(RETRY_MS, undefined, { signal: either }).catch(() => {});
    }
  }

  async function followOne(id: string, name: string): Promise<void> {
    if (followed.has(id)) return;
    followed.add(id);
    try {
      const last = told.get(id);
      const from = last ? { since: Date.parse(last.at) } : given(since, tail);
      for await (const lines of followLines(docker, id, { signal: either, ...from })) {
        for (const line of lines) {
          if (isTold(id, line)) continue;
          waiting.push({ service: name, ...line });
        }
        ring();
        if (waiting.length >= MAX_WAITING && !either.aborted)
          await new Promise<void>((resolve) => {
            drained = resolve;
          });
      }
    } catch {
      // As above.
    } finally {
      followed.delete(id);
    }
  }

  function isTold(id: string, { at, stream, text }: LogLine): boolean {
    const last = told.get(id);
    const key = `${stream} ${text}`;
    if (last && (at < last.at || (at === last.at && last.texts.has(key)))) return true;
    if (last && at === last.at) last.texts.add(key);
    else told.set(id, { at, texts: new Set([key]) });
    return false;
  }
}

async function containersOf(
  docker: Docker,
  owner: Pick<Owner, "agent" | "environment">,
  service: string | undefined,
  signal: AbortSignal,
): Promise<{ readonly id: string; readonly service: string }[]> {
  const labels = { ...environmentLabels(owner), [labelKeys.role]: "service" };
  const found = await findContainers(docker, labels, signal);
  return found
    .map(({ id, labels: of }) => ({ id, service: of[labelKeys.service] ?? "" }))
    .filter((one) => service === undefined || one.service === service);
}

const given = (since: number | undefined, tail: number | undefined) => ({
  ...(since === undefined ? {} : { since }),
  ...(tail === undefined ? {} : { tail }),
});
