import { ErrorCode, type Msg, type NatsError } from "nats";
import { z } from "zod";
import { GalleyError, type GalleyErrorCode, galleyErrorCodes, withDeadline } from "../errors/index.js";
import { type BusConnection, largestMessage } from "./connection.js";
import type { BusLog } from "./log.js";
import { parseBody } from "./receive.js";
import { type RpcVerb, subjects } from "./subjects.js";
import { within } from "./within.js";

// Agents ask, the server answers. A refusal is `{v, error: {code, message, hint?}}` in place of the answer.

const refusal = z.object({
  v: z.literal(1),
  error: z.object({
    code: z.string().max(64),
    message: z.string().max(4096),
    hint: z.string().max(4096).optional(),
  }),
});

export interface RequestOptions {
  /** Default 10,000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Asks the server once.
 * @throws what the server answers, by its code; `control_plane_unreachable` when no server listens or answers in time, `bus_unreachable`
 * when there is no connection: both are worth another try. `bus_message_invalid` when the answer is none.
 */
export async function request<Reply>(
  connection: BusConnection,
  agent: string,
  verb: RpcVerb,
  body: unknown,
  reply: z.ZodType<Reply>,
  options: RequestOptions = {},
): Promise<Reply> {
  const { timeoutMs = 10_000, signal } = options;
  signal?.throwIfAborted();
  // Published now it would be thrown away at the next connection.
  if (!connection.connected) throw new GalleyError("bus_unreachable", "There is no connection to the bus.");
  const unanswered = (cause?: unknown) =>
    new GalleyError("control_plane_unreachable", `The server does not answer "${verb}" on the bus.`, {
      hint: "It may be starting or down; it is asked again.",
      cause,
    });
  let offLost = () => {};
  const lost = new Promise<never>((_, reject) => {
    offLost = connection.on("lost", () =>
      reject(new GalleyError("bus_unreachable", "The connection to the bus was lost.")),
    );
  });
  try {
    const asked = connection.nats.request(subjects.rpc(agent, verb), JSON.stringify(body), {
      timeout: timeoutMs,
    });
    const message = await within(Promise.race([asked, lost]), {
      timeoutMs: timeoutMs + 1_000,
      signal,
      late: unanswered,
    });
    const answer = parseBody(message, z.union([refusal, reply]), largestMessage);
    if (!isRefusal(answer)) return answer;
    const { code, message: text, hint } = answer.error;
    throw new GalleyError(isCode(code) ? code : "internal", text, { hint });
  } catch (error) {
    if (error instanceof GalleyError || signal?.aborted) throw error;
    throw unanswered(error);
  } finally {
    offLost();
  }
}

/** The bus has said that no server listens to such questions: it was not asked, and may be there in a moment. */
export const isUnheard = (error: unknown): boolean =>
  error instanceof GalleyError &&
  error.code === "control_plane_unreachable" &&
  (error.cause as { readonly code?: unknown } | undefined)?.code === ErrorCode.NoResponders;

const isCode = (code: string): code is GalleyErrorCode =>
  (galleyErrorCodes as readonly string[]).includes(code);

const isRefusal = (answer: unknown): answer is z.infer<typeof refusal> => refusal.safeParse(answer).success;

export interface RpcOptions<Body> {
  readonly connection: BusConnection;
  readonly verb: RpcVerb;
  readonly schema: z.ZodType<Body>;
  /**
   * Its answer goes to that agent alone. A `GalleyError` is told to the agent, any other error only as `internal`. The signal aborts
   * after `timeoutMs` and with `close`.
   */
  readonly handler: (
    body: Body,
    context: { readonly agent: string; readonly signal: AbortSignal },
  ) => Promise<unknown>;
  readonly log: BusLog;
  /** For one question. Default 30,000. */
  readonly timeoutMs?: number;
  /** Questions at once; further ones are told to come again (`rate_limited`). Default 64. */
  readonly concurrency?: number;
}

/** Largest question: a `sync` of 10,000 environments. */
const largestQuestion = 512 * 1024;

/** Answers a verb for all agents. Several servers share the questions. Resolves when the bus knows that we listen. */
export async function serveRpc<Body>(options: RpcOptions<Body>): Promise<{ close(): void }> {
  const { connection, verb, schema, handler, log, timeoutMs = 30_000, concurrency = 64 } = options;
  const closed = new AbortController();
  let busy = 0;

  const answer = async (message: Msg): Promise<unknown> => {
    const agent = agentOf(message.subject);
    const signal = withDeadline(closed.signal, timeoutMs);
    try {
      if (busy >= concurrency)
        throw new GalleyError("rate_limited", "The server has too many questions at once.");
      busy += 1;
      try {
        return await handler(parseBody(message, schema, largestQuestion), { agent, signal });
      } finally {
        busy -= 1;
      }
    } catch (error) {
      if (error instanceof GalleyError) {
        const { code, message, hint } = error;
        return { v: 1, error: { code, message: message.slice(0, 4096), ...(hint ? { hint } : {}) } };
      }
      log.error({ agent, verb, error: String(error) }, "a question from an agent could not be answered");
      return { v: 1, error: { code: "internal", message: "The server could not answer." } };
    }
  };

  const hear = async (message: Msg) => {
    const agent = agentOf(message.subject);
    // Permissions say what an agent publishes, not where the answer goes: it could steer it into another agent's subjects.
    if (!message.reply?.startsWith(`${subjects.inbox(agent)}.`))
      return log.warn({ agent, verb }, "a question whose answer would go elsewhere was dropped");
    let body = JSON.stringify(await answer(message));
    if (Buffer.byteLength(body) > largestMessage) {
      log.error({ agent, verb, bytes: Buffer.byteLength(body) }, "an answer is too large for the bus");
      body = JSON.stringify({
        v: 1,
        error: { code: "internal", message: "The answer is too large for the bus." },
      });
    }
    if (!connection.nats.isClosed()) connection.nats.publish(message.reply, body);
  };

  const subscription = connection.nats.subscribe(`galley.rpc.*.${verb}`, {
    queue: "server",
    callback: (error: NatsError | null, message) => {
      if (error) return log.error({ verb, error: error.message }, "questions of agents are not heard");
      hear(message).catch((error: unknown) =>
        log.error({ verb, error: String(error) }, "an answer could not be sent"),
      );
    },
  });
  await connection.nats.flush().catch((error: unknown) => {
    throw new GalleyError("bus_unreachable", "The connection to the bus was lost.", { cause: error });
  });
  return {
    close: () => {
      subscription.unsubscribe();
      closed.abort(new GalleyError("interrupted", "The server ends."));
    },
  };
}

/** The bus let only this agent publish there. */
const agentOf = (subject: string): string => subject.split(".")[2] ?? "";
