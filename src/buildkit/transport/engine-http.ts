import {
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from "node:http";
import type { Duplex } from "node:stream";
import { abortAfter } from "../deadline.js";
import { BuildKitError } from "../errors.js";
import { connectError } from "./connect-error.js";
import type { Dial } from "./dial.js";

/** A request to the engine's HTTP API. `json` is sent as the body. */
export interface EngineRequest {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly json?: unknown;
}

export interface EngineAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** At most 4 MiB are read. */
  readonly body: string;
}

const answerLimit = 4 << 20;
const answerTimeoutMs = 15_000;

/** One request on a connection of its own, answered within 15 s. Any status is an answer. */
export async function askEngine(
  dial: Dial,
  where: string,
  ask: EngineRequest,
  signal: AbortSignal,
): Promise<EngineAnswer> {
  const reply = await exchange(dial, where, ask, signal);
  if ("stream" in reply) {
    reply.stream.destroy();
    throw new BuildKitError(
      "protocol_violation",
      `The engine switched protocols for ${ask.method} ${ask.path}`,
    );
  }
  return reply;
}

/**
 * Sends a request that turns the connection into a raw byte stream (`Connection: Upgrade`). Nothing is written to the
 * stream before the 101: the engine drops what it had read by then.
 *
 * @param protocol value of the `Upgrade` header
 * @returns the stream, with whatever followed the answer still to be read; or the engine's refusal
 */
export async function upgradeEngine(
  dial: Dial,
  where: string,
  protocol: string,
  ask: EngineRequest,
  signal: AbortSignal,
): Promise<{ stream: Duplex } | EngineAnswer> {
  const headers = { ...ask.headers, Connection: "Upgrade", Upgrade: protocol };
  return await exchange(dial, where, { ...ask, headers }, signal);
}

async function exchange(
  dial: Dial,
  where: string,
  ask: EngineRequest,
  outer: AbortSignal,
): Promise<{ stream: Duplex } | EngineAnswer> {
  const deadline = abortAfter(answerTimeoutMs);
  const signal = AbortSignal.any([outer, deadline]);
  const connection = await dial(outer);
  try {
    return await send(connection, ask, signal);
  } catch (error) {
    connection.once("error", () => {});
    connection.destroy();
    if (outer.aborted) throw new BuildKitError("cancelled", "The request was cancelled", { cause: error });
    const late = Object.assign(new Error("no answer within 15 s", { cause: error }), { code: "ETIMEDOUT" });
    throw connectError(deadline.aborted ? late : error, where);
  }
}

function send(
  connection: Duplex,
  ask: EngineRequest,
  signal: AbortSignal,
): Promise<{ stream: Duplex } | EngineAnswer> {
  return new Promise((resolve, reject) => {
    const body = ask.json === undefined ? undefined : Buffer.from(JSON.stringify(ask.json));
    const call = httpRequest({
      method: ask.method,
      path: ask.path,
      createConnection: () => connection,
      headers: {
        Host: "docker",
        ...ask.headers,
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...(body !== undefined || ask.method === "POST" ? { "Content-Length": body?.length ?? 0 } : {}),
        ...(ask.headers?.Connection === undefined ? { Connection: "close" } : {}),
      },
    });
    const onAbort = () => call.destroy(signal.reason);
    const settle = () => signal.removeEventListener("abort", onAbort);
    signal.addEventListener("abort", onAbort, { once: true });
    call.once("error", (error) => {
      settle();
      reject(error);
    });
    call.once("upgrade", (_answer, stream, head) => {
      settle();
      if (head.length > 0) stream.unshift(head);
      resolve({ stream });
    });
    call.once("response", (answer) => {
      readBody(answer).then(resolve, reject).finally(settle);
    });
    call.end(body);
  });
}

async function readBody(answer: IncomingMessage): Promise<EngineAnswer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > answerLimit) {
      throw new BuildKitError("protocol_violation", "The engine's answer is larger than 4 MiB");
    }
    chunks.push(chunk);
  }
  return {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    body: Buffer.concat(chunks).toString("utf8"),
  };
}

/** The engine's refusal as a sentence: `{"message": "..."}` of its JSON, else the status. */
export function refusal(answer: EngineAnswer): string {
  try {
    const parsed: unknown = JSON.parse(answer.body);
    const message = (parsed as { message?: unknown } | null)?.message;
    if (typeof message === "string" && message !== "") return message;
  } catch {
    // Not JSON: proxies in between answer with text or HTML.
  }
  return `HTTP ${answer.status} ${answer.body.slice(0, 200).trim()}`.trim();
}
