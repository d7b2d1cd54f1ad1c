import { setTimeout as delay } from "node:timers/promises";
import type { z } from "zod";
import { GalleyError } from "../../errors/index.js";
import { ResumePoint } from "../follow/resume-point.js";
import type { runtimeLineAnswer } from "./answers.js";
import type { RuntimeLogsQuestion } from "./runtime-lines.js";

type Line = z.infer<typeof runtimeLineAnswer>;

export interface FollowRuntimeOptions {
  /** One connection's lines, until it ends; `onOpen` is told the server's time when it is there. */
  readonly lines: (
    question: RuntimeLogsQuestion,
    onOpen: (serverTime: string | undefined) => void,
  ) => AsyncIterable<Line>;
  /** The server or the agent has gone away. Called once until it is back. */
  readonly onLost: (error: GalleyError) => void;
  readonly onBack: () => void;
  readonly signal: AbortSignal;
  readonly times?: { readonly firstPauseMs: number; readonly giveUpMs: number } | undefined;
}

const usual = { firstPauseMs: 250, giveUpMs: 10 * 60_000 };
const longestPauseMs = 10_000;
/** Lines of each container that the server gives at most. */
const mostLines = "10000";

/** Refusals that may be over the next time. */
const passing: ReadonlySet<string> = new Set([
  "control_plane_unreachable",
  "agent_lost_contact",
  "rate_limited",
  "database_unreachable",
  "bus_unreachable",
  "internal",
]);

/**
 * What services print, as it comes, whatever happens to the connection: after a lost one it goes on with what has come since, each line once, as far
 * as the engine keeps it and up to 10,000 lines of each container. What is refused at the first question is thrown, and what stays away for ten
 * minutes.
 */
export async function* followRuntime(
  question: RuntimeLogsQuestion,
  { lines, onLost, onBack, signal, times = usual }: FollowRuntimeOptions,
): AsyncGenerator<Line> {
  const point = new ResumePoint();
  let begun: string | undefined;
  let lostAt: number | undefined;
  let pause = times.firstPauseMs;
  const onOpen = (serverTime: string | undefined) => {
    begun ??= serverTime ?? new Date().toISOString();
    if (lostAt !== undefined) onBack();
    lostAt = undefined;
    pause = times.firstPauseMs;
  };
  for (;;) {
    try {
      for await (const line of lines(again(), onOpen)) if (point.take(line)) yield line;
      // An agent that stops ends what it is asked for.
      throw new GalleyError("agent_lost_contact", "The agent has ended the log.");
    } catch (error) {
      signal.throwIfAborted();
      if (begun === undefined || !(error instanceof GalleyError) || !passing.has(error.code)) throw error;
      if (lostAt === undefined) onLost(error);
      lostAt ??= Date.now();
      if (Date.now() - lostAt > times.giveUpMs) throw error;
      await delay(pause * (0.75 + Math.random() / 2), undefined, { signal }).catch(() => {});
      signal.throwIfAborted();
      pause = Math.min(pause * 2, longestPauseMs);
    }
  }

  function again(): RuntimeLogsQuestion {
    if (begun === undefined) return question;
    point.again();
    // What was printed before the first question was not asked for then.
    if (question.tail === "0") {
      const since = [begun, point.since ?? begun].sort().at(-1);
      return { ...question, since, tail: mostLines };
    }
    // Where nothing has come, what was asked for still holds.
    return point.since === undefined ? question : { ...question, since: point.since, tail: mostLines };
  }
}
