import type { EventClock } from "../model/event-clock.js";
import { type Fields, isFields, time } from "../model/read.js";
import { ServerSentEvents } from "../model/sse.js";
import type { Deployment } from "./answers.js";
import { ApiError, asApiError, openEvents } from "./client.js";

export interface Follower {
  /** Each event once, in the server's order. */
  readonly onEvent: (event: Fields) => void;
  /** The deployment's state, whenever it has changed. */
  readonly onDeployment: (deployment: Deployment) => void;
  /** The connection is lost, or back. */
  readonly onConnection: (connected: boolean) => void;
  /** Nothing will come any more: `end` was told, or the server refuses for good. */
  readonly onEnd: (refused: ApiError | null) => void;
  readonly clock: EventClock;
}

/** The server speaks every 15 seconds; who hears nothing for so long has lost the connection without knowing it. */
const silenceMs = 45_000;
const firstPauseMs = 250;
const longestPauseMs = 10_000;
/** The page stays responsive while a long past is read: it gets a turn after so many milliseconds. */
const turnMs = 12;

/**
 * Follows a deployment from its beginning to its end, over as many connections as it takes: each goes on with the event after the last
 * one that came, so that nothing is missing and nothing comes twice. Resolves when it is over or `signal` is aborted.
 */
export async function followDeployment(id: string, follower: Follower, signal: AbortSignal): Promise<void> {
  let last = 0;
  let pause = firstPauseMs;
  while (!signal.aborted) {
    try {
      const ended = await readStream(id, last, follower, signal, (next) => {
        last = next;
        pause = firstPauseMs;
      });
      if (ended) return follower.onEnd(null);
    } catch (error) {
      if (signal.aborted) return;
      const { status } = asApiError(error);
      const refused = error instanceof ApiError && status >= 400 && status < 500 && status !== 429;
      if (refused) return follower.onEnd(error);
    }
    if (signal.aborted) return;
    follower.onConnection(false);
    // Apart from each other, or all pages come back at the same moment to a server that has just started.
    await waitUpTo(pause * (0.75 + Math.random() / 2), signal);
    pause = Math.min(pause * 2, longestPauseMs);
  }
}

/** Resolves with true when the server has told the end. */
async function readStream(
  id: string,
  after: number,
  follower: Follower,
  signal: AbortSignal,
  passed: (id: number) => void,
): Promise<boolean> {
  const closed = new AbortController();
  let silent: ReturnType<typeof setTimeout> | undefined;
  const heard = () => {
    clearTimeout(silent);
    silent = setTimeout(() => closed.abort(), silenceMs);
  };
  try {
    heard();
    const response = await openEvents(id, after, AbortSignal.any([signal, closed.signal]));
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    if (!reader) return false;
    follower.clock.server(Date.parse(response.headers.get("date") ?? ""), Date.now());
    follower.onConnection(true);
    const events = new ServerSentEvents();
    let last = after;
    let turn = performance.now();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return false;
      heard();
      for (const { id, type, data } of events.push(value)) {
        if (performance.now() - turn > turnMs) {
          await letOthersRun();
          turn = performance.now();
        }
        const number = Number(id);
        if (type === "message") {
          // Ids count up: what is not above the last one was told before.
          if (!Number.isSafeInteger(number) || number <= last) continue;
          last = number;
          const event = parse(data);
          if (event) {
            follower.clock.event(time(event.at), Date.now());
            follower.onEvent(event);
          }
          passed(number);
        } else if (type === "deployment" || type === "end") {
          const deployment = parse(data);
          if (deployment) follower.onDeployment(deployment as unknown as Deployment);
          if (type === "end") return true;
        }
        if (signal.aborted) return false;
      }
    }
  } finally {
    clearTimeout(silent);
    closed.abort();
  }
}

function parse(data: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(data);
    return isFields(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Ends with the time, with the signal, or when the browser says that it is connected again. */
function waitUpTo(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      clearTimeout(timer);
      removeEventListener("online", go);
      signal.removeEventListener("abort", go);
      resolve();
    };
    const timer = setTimeout(go, milliseconds);
    addEventListener("online", go);
    signal.addEventListener("abort", go);
  });
}

// A timer would be held back to once a second in a page that nobody looks at.
const letOthersRun = () =>
  new Promise<void>((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
