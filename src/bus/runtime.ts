import { randomBytes } from "node:crypto";
import type { NatsError } from "nats";
import { GalleyError, type GalleyErrorCode, galleyErrorCodes } from "../errors/index.js";
import { type BusConnection, largestMessage } from "./connection.js";
import type { BusLog } from "./log.js";
import {
  type AgentCommand,
  type RuntimeReply,
  runtimeBeatMs,
  runtimeReply,
  runtimeWindow,
} from "./messages.js";
import { send, sendCommand } from "./plain.js";
import { parseBody } from "./receive.js";
import { subjects } from "./subjects.js";

// A server asks one agent for something that comes in many messages. Plain subjects: nothing is kept, what is lost is seen by its number. The
// reader says how much it takes, and that it is still there; the agent stops when it does not.

type RuntimeQuestion = Extract<AgentCommand, { type: "logs" | "stats" | "cache" }>;
/** The same before it has an id. */
export type RuntimeAsk = RuntimeQuestion extends infer One
  ? One extends RuntimeQuestion
    ? Omit<One, "v" | "request">
    : never
  : never;

export interface RuntimeOptions {
  readonly connection: BusConnection;
  readonly agent: string;
  readonly ask: RuntimeAsk;
  readonly log: BusLog;
  /** Ends it; the agent is told. */
  readonly signal: AbortSignal;
  /** Milliseconds of silence after which the agent is taken to be gone. Default: three beats. */
  readonly silenceMs?: number;
}

/**
 * Asks an agent, and yields what it answers until its end. Holds `runtimeWindow` messages at most: the agent waits while they are not taken.
 *
 * @throws `agent_lost_contact` when it is silent, `bus_unreachable` when the connection or a message was lost, the agent's own error
 */
export async function* askRuntime(options: RuntimeOptions): AsyncGenerator<RuntimeReply> {
  const { connection, agent, ask, log, signal, silenceMs = 3 * runtimeBeatMs } = options;
  signal.throwIfAborted();
  const request = `req${randomBytes(12).toString("hex")}`;
  const waiting: RuntimeReply[] = [];
  let failed: Error | undefined;
  let ring = () => {};
  let arrived = 0;
  const fail = (error: Error) => {
    failed ??= error;
    ring();
  };
  const silent = () =>
    fail(
      new GalleyError("agent_lost_contact", "The agent does not answer.", {
        hint: "`galley agent ls` says whether it is online.",
      }),
    );
  let silence = setTimeout(silent, silenceMs);
  const subscription = connection.nats.subscribe(subjects.runtime(agent, request), {
    callback: (error: NatsError | null, message) => {
      if (error) return fail(lost(error));
      clearTimeout(silence);
      silence = setTimeout(silent, silenceMs);
      try {
        const reply = parseBody(message, runtimeReply, largestMessage);
        arrived += 1;
        if (reply.n !== arrived || waiting.length > 2 * runtimeWindow) return fail(lost());
        waiting.push(reply);
        ring();
      } catch (error) {
        log.warn({ agent, error: (error as Error).message }, "an answer of an agent was dropped");
        fail(error as Error);
      }
    },
  });
  let taken = 0;
  const more = () =>
    sendCommand(connection, agent, { v: 1, type: "more", request, upTo: taken + runtimeWindow });
  const beat = setInterval(more, runtimeBeatMs);
  const offLost = connection.on("lost", () => fail(lost()));
  const aborted = () => fail(signal.reason);
  signal.addEventListener("abort", aborted, { once: true });
  try {
    // The agent's first answer must find us listening.
    await connection.nats.flush().catch((error: unknown) => {
      throw lost(error);
    });
    if (!sendCommand(connection, agent, { v: 1, request, ...ask })) throw lost();
    for (;;) {
      const reply = waiting.shift();
      if (reply?.type === "end") {
        if (reply.error === null) return;
        const { code, message, hint } = reply.error;
        throw new GalleyError(isCode(code) ? code : "internal", message, { hint: hint ?? undefined });
      }
      if (reply) {
        yield reply;
        taken += 1;
        if (taken % (runtimeWindow / 2) === 0) more();
        continue;
      }
      if (failed) throw failed;
      await new Promise<void>((resolve) => {
        ring = resolve;
      });
    }
  } finally {
    clearTimeout(silence);
    clearInterval(beat);
    offLost();
    signal.removeEventListener("abort", aborted);
    subscription.unsubscribe();
    sendCommand(connection, agent, { v: 1, type: "leave", request });
  }
}

/** False when there is no connection: the reader sees that by itself. */
export const sendRuntime = (
  connection: BusConnection,
  agent: string,
  request: string,
  reply: RuntimeReply,
): boolean => send(connection, subjects.runtime(agent, request), reply);

const lost = (cause?: unknown) =>
  new GalleyError("bus_unreachable", "The connection to the agent was lost.", {
    hint: "Ask again.",
    cause,
  });

const isCode = (code: string): code is GalleyErrorCode =>
  (galleyErrorCodes as readonly string[]).includes(code);
