import { z } from "zod";
import { GalleyError, type GalleyErrorCode, galleyErrorCodes } from "../../errors/index.js";
import { plainText } from "../plain-text.js";
import { runtimeLineAnswer } from "./answers.js";
import type { Api } from "./client.js";
import { type ServerSentEvent, ServerSentEvents } from "./server-sent-events.js";

export interface RuntimeLogsQuestion {
  /** Id of the environment. */
  readonly environment: string;
  readonly service: string | undefined;
  readonly since: string | undefined;
  readonly tail: string | undefined;
  readonly follow: boolean;
}

const refusal = z.looseObject({ code: z.string(), message: z.string(), hint: z.string().optional() });

/**
 * What the services of an environment print, over one connection. Throws what the server refuses, at the beginning or later.
 *
 * @param onOpen the server answers; with its time, where it says that
 */
export async function* runtimeLines(
  api: Api,
  { environment, service, since, tail, follow }: RuntimeLogsQuestion,
  signal: AbortSignal,
  onOpen: (serverTime: string | undefined) => void = () => {},
): AsyncGenerator<z.infer<typeof runtimeLineAnswer>> {
  const given = Object.entries({ service, since, tail, follow: String(follow) });
  const query = new URLSearchParams();
  for (const [key, value] of given) if (value !== undefined) query.set(key, value);
  const response = await api.events(`/environments/${environment}/runtime-logs?${query}`, 0, signal);
  const time = Date.parse(response.headers.get("date") ?? "");
  onOpen(Number.isNaN(time) ? undefined : new Date(time).toISOString());
  const stream = new ServerSentEvents();
  const decoder = new TextDecoder();
  try {
    for await (const bytes of response.body ?? []) {
      for (const event of stream.push(decoder.decode(bytes, { stream: true }))) {
        if (event.type === "end") return;
        const line = read(event);
        if (line) yield line;
      }
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof GalleyError ? error : cut(error);
  }
  throw cut();
}

/** Messages that this version does not know are left out. Throws what the server says went wrong. */
function read({ type, data }: ServerSentEvent): z.infer<typeof runtimeLineAnswer> | undefined {
  let said: unknown;
  try {
    said = JSON.parse(data);
  } catch {
    return undefined;
  }
  if (type === "error") {
    const { code, message, hint } = refusal.parse(said);
    const known = galleyErrorCodes.find((one): one is GalleyErrorCode => one === code);
    throw new GalleyError(known ?? "internal", plainText(message), { hint: hint && plainText(hint) });
  }
  return type === "message" ? runtimeLineAnswer.safeParse(said).data : undefined;
}

const cut = (cause?: unknown) =>
  new GalleyError("control_plane_unreachable", "The connection to the server was cut.", {
    hint: "Ask again; `--since` leaves out what was there already.",
    cause,
  });
