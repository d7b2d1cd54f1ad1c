import { setTimeout as delay } from "node:timers/promises";
import { GalleyError } from "../../errors/index.js";
import { type Deployment, deploymentAnswer } from "./answers.js";
import { type Api, unreachable } from "./client.js";
import { type ServerSentEvent, ServerSentEvents } from "./server-sent-events.js";

/** What is told about a deployment while it is followed. */
export type Told =
  | { readonly kind: "event"; readonly event: { readonly [field: string]: unknown }; readonly text: string }
  | { readonly kind: "deployment"; readonly deployment: Deployment }
  /** Nothing comes after it. */
  | { readonly kind: "end"; readonly deployment: Deployment };

export interface FollowOptions {
  readonly api: Api;
  /** Id. */
  readonly deployment: string;
  readonly signal: AbortSignal;
  /** The connection is lost, and is made again. Called once until it is back. */
  readonly onLost?: (error: GalleyError) => void;
  readonly onBack?: () => void;
  readonly times?: Partial<FollowTimes>;
}

export interface FollowTimes {
  /** Milliseconds without a byte after which a connection is taken for dead; the server speaks every 15 seconds. */
  readonly silenceMs: number;
  /** Milliseconds before the first attempt to come back; doubled each time up to `longestPauseMs`. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
  /** Milliseconds without a server after which it is given up. */
  readonly giveUpMs: number;
}

const usual: FollowTimes = {
  silenceMs: 45_000,
  firstPauseMs: 250,
  longestPauseMs: 10_000,
  giveUpMs: 10 * 60_000,
};

/**
 * Everything about a deployment from its beginning, each event once, until its end, whatever happens to the connection: after a
 * lost one it goes on with the event after the last one that came. Throws what the server refuses, and
 * `control_plane_unreachable` when it stays away.
 */
export async function* followDeployment(options: FollowOptions): AsyncGenerator<Told> {
  const { api, deployment, signal } = options;
  const times = { ...usual, ...options.times };
  let last = 0;
  let lostAt: number | undefined;
  let pause = times.firstPauseMs;
  for (;;) {
    signal.throwIfAborted();
    try {
      for await (const message of readStream(api, deployment, last, signal, times.silenceMs)) {
        if (lostAt !== undefined) options.onBack?.();
        lostAt = undefined;
        pause = times.firstPauseMs;
        const id = Number(message.id);
        if (message.type === "message") {
          // Ids count up: what is not above the last one was told before the connection was lost.
          if (!Number.isSafeInteger(id) || id <= last) continue;
          last = id;
        }
        const told = read(message);
        if (told) yield told;
        if (told?.kind === "end") return;
      }
      // The server ends a stream without `end` when it stops: another one, or the next of it, goes on.
      throw new GalleyError(
        "control_plane_unreachable",
        `The server at ${api.url} has ended the connection.`,
      );
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof GalleyError) || !passing.has(error.code)) throw error;
      if (lostAt === undefined) options.onLost?.(error);
      lostAt ??= Date.now();
      if (Date.now() - lostAt > times.giveUpMs)
        throw new GalleyError("control_plane_unreachable", error.message, {
          hint: `The deployment goes on without us: \`galley env show ${deployment}\` tells how it ended.`,
          cause: error,
        });
      await delay(pause * (0.75 + Math.random() / 2), undefined, { signal }).catch((cut: unknown) => {
        signal.throwIfAborted();
        throw cut;
      });
      pause = Math.min(pause * 2, times.longestPauseMs);
    }
  }
}

/** Refusals that may be over the next time. */
const passing: ReadonlySet<string> = new Set([
  "control_plane_unreachable",
  "rate_limited",
  "database_unreachable",
  "bus_unreachable",
  "internal",
]);

async function* readStream(
  api: Api,
  deployment: string,
  after: number,
  signal: AbortSignal,
  silenceMs: number,
): AsyncGenerator<ServerSentEvent> {
  const closed = new AbortController();
  let silent: NodeJS.Timeout | undefined;
  const heard = () => {
    clearTimeout(silent);
    silent = setTimeout(() => closed.abort(new DOMException("silent", "TimeoutError")), silenceMs);
  };
  try {
    const response = await api.events(`/deployments/${deployment}/events`, after, closed.signal);
    const events = new ServerSentEvents();
    const decoder = new TextDecoder();
    heard();
    for await (const chunk of response.body ?? []) {
      // Only the network's silence counts, and not the time that it takes to show what came.
      clearTimeout(silent);
      yield* events.push(decoder.decode(chunk, { stream: true }));
      heard();
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof GalleyError) throw error;
    throw error instanceof RangeError
      ? new GalleyError(
          "internal",
          `The server at ${api.url} sends what no client could read: ${error.message}.`,
        )
      : unreachable(api.url, error, silenceMs);
  } finally {
    clearTimeout(silent);
    closed.abort();
  }
}

function read({ type, data }: ServerSentEvent): Told | undefined {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  if (type === "message")
    return { kind: "event", event: value as { readonly [field: string]: unknown }, text: data };
  if (type !== "deployment" && type !== "end") return undefined;
  const deployment = deploymentAnswer.safeParse(value).data;
  return deployment && { kind: type, deployment };
}
