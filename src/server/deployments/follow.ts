import { setTimeout as pause } from "node:timers/promises";
import type { Database } from "../store/index.js";
import { countEvents, eventsAfter } from "./events.js";
import type { Notices } from "./notices.js";
import { readDeployment } from "./read.js";
import { isFinal } from "./states.js";
import { viewDeployment } from "./views.js";

export interface FollowDeps {
  readonly db: Database;
  readonly notices: Notices;
  readonly times?: Partial<FollowTimes>;
}

export interface FollowTimes {
  /** Between comments that keep proxies from closing a silent connection. */
  readonly keepAliveMs: number;
  /** Between looks without a notice: another server may have written. */
  readonly lookMs: number;
  /** How long the end is held back for events that are on their way: log lines come through a stream of their own. */
  readonly stragglersMs: number;
}

const usual: FollowTimes = { keepAliveMs: 15_000, lookMs: 2000, stragglersMs: 5000 };
/** Events of one look: all that is held for a reader who does not read. */
const page = 100;
/** Looks are so far apart at least: a busy build writes hundreds of times a second. */
const togetherMs = 20;

/**
 * A deployment as server-sent events, from the one after `after` on: its events with their ids, its state as `deployment` whenever it has
 * changed, and `end` when it is final and everything was sent; then it ends. A reader that is cut off goes on with the last id that it
 * has. Nothing is read from the database before the reader has taken what was read before.
 *
 * Throws `not_found` with the first text that is asked for.
 */
export async function* follow(
  { db, notices, times }: FollowDeps,
  id: string,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<string> {
  const { keepAliveMs, lookMs, stragglersMs } = { ...usual, ...times };
  const bell = createBell();
  const stop = notices.follow(id, bell.ring);
  signal.addEventListener("abort", bell.ring);
  let last = after;
  let told = "";
  let silentSince = Date.now();
  let finalSince: number | undefined;
  try {
    while (!signal.aborted) {
      bell.silence();
      // The state first: what was told before it is then among the events that are read next.
      const found = await readDeployment(db, id);
      const { deployment } = found;
      const view = JSON.stringify(viewDeployment(found));
      for (let full = true; full && !signal.aborted; ) {
        const events = await eventsAfter(db, id, last, page);
        full = events.length === page;
        last = events.at(-1)?.id ?? last;
        if (events.length === 0) continue;
        silentSince = Date.now();
        yield events.map(({ id, text }) => `id: ${id}\ndata: ${text}\n\n`).join("");
      }
      const final = isFinal(deployment.state);
      if (view !== told) {
        told = view;
        silentSince = Date.now();
        yield `event: deployment\ndata: ${view}\n\n`;
      }
      if (final) {
        finalSince ??= Date.now();
        const { lastSeq, attempt, eventsRemovedAt } = deployment;
        const whole =
          lastSeq === null || eventsRemovedAt !== null || (await countEvents(db, id, attempt)) >= lastSeq;
        // Events that were stored while they were counted are read in one more round.
        const late = Date.now() - finalSince >= stragglersMs;
        if ((whole || late) && (await eventsAfter(db, id, last, 1)).length === 0) {
          yield `event: end\ndata: ${view}\n\n`;
          return;
        }
        if (whole) continue;
      } else finalSince = undefined;
      if (Date.now() - silentSince >= keepAliveMs) {
        silentSince = Date.now();
        yield ": still here\n\n";
      }
      await bell.wait(Math.min(lookMs, keepAliveMs));
      await pause(togetherMs);
    }
  } finally {
    stop();
    signal.removeEventListener("abort", bell.ring);
  }
}

/** Remembers that it rang, so that what happens while nobody listens is not missed. */
function createBell() {
  let rang = false;
  let wake: (() => void) | undefined;
  return {
    ring: () => {
      rang = true;
      wake?.();
    },
    silence: () => {
      rang = false;
    },
    wait: (ms: number) =>
      new Promise<void>((resolve) => {
        if (rang) return resolve();
        const timer = setTimeout(() => wake?.(), ms);
        wake = () => {
          clearTimeout(timer);
          wake = undefined;
          resolve();
        };
      }),
  };
}
