import { type Fields, isFields, text, textOrNull } from "../model/read.js";
import { ServerSentEvents } from "../model/sse.js";
import { ApiError, send } from "./client.js";

/** Milliseconds without a word after which the connection is taken for lost; the server speaks every five seconds. */
const silenceMs = 30_000;

export interface Progress {
  readonly done: number;
  readonly total: number | null;
  readonly what: string;
}

/** A call whose answer takes as long as it takes, and says meanwhile how far it is. Rejects with `ApiError`. */
export async function longCall<T>(
  method: "GET" | "POST",
  path: string,
  options: {
    readonly body?: unknown;
    readonly onProgress?: (progress: Progress) => void;
    readonly signal: AbortSignal;
  },
): Promise<T> {
  const { body, onProgress, signal } = options;
  const closed = new AbortController();
  let silent: ReturnType<typeof setTimeout> | undefined;
  const heard = () => {
    clearTimeout(silent);
    silent = setTimeout(() => closed.abort(), silenceMs);
  };
  try {
    heard();
    const response = await send(`/api/v1${path}`, {
      method,
      headers: {
        accept: "text/event-stream",
        ...(method === "GET" ? {} : { "x-galley-csrf": "1" }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.any([signal, closed.signal]),
    });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    const events = new ServerSentEvents();
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
      heard();
      for (const { type, data } of events.push(next.value)) {
        const said: unknown = JSON.parse(data);
        if (type === "answer") return said as T;
        if (type === "error") throw refused(isFields(said) ? said : {});
        if (type === "progress" && isFields(said)) onProgress?.(said as unknown as Progress);
      }
    }
  } catch (error) {
    if (signal.aborted || error instanceof ApiError) throw error;
  } finally {
    clearTimeout(silent);
    closed.abort();
  }
  throw new ApiError(0, "unreachable", "The connection to the server was lost.", "Ask again.");
}

const refused = (said: Fields) =>
  new ApiError(500, text(said.code) || "internal", text(said.message), textOrNull(said.hint));
