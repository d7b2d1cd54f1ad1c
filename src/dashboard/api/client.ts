import { isFields, text, textOrNull } from "../model/read.js";

/** What the server has refused, or that it did not answer. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly hint: string | null;

  constructor(status: number, code: string, message: string, hint: string | null) {
    super(message);
    this.status = status;
    this.code = code;
    this.hint = hint;
  }
}

/** Milliseconds for an answer; following a deployment has a limit of its own. */
const patience = 30_000;

let onSignedOut: () => void = () => {};

/** Called whenever the server says that nobody is signed in. */
export function whenSignedOut(call: () => void): void {
  onSignedOut = call;
}

/** A call of the API; paths are below /api/v1. Rejects with `ApiError`. */
export async function call<T>(
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE",
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<T> {
  const late = AbortSignal.timeout(patience);
  const response = await send(`/api/v1${path}`, {
    method,
    headers: {
      accept: "application/json",
      ...(method === "GET" ? {} : { "x-galley-csrf": "1" }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: signal ? AbortSignal.any([signal, late]) : late,
  });
  const answer = await response.text().catch(() => "");
  return (answer === "" ? undefined : JSON.parse(answer)) as T;
}

/** The events of a deployment after the one with the id `after`, as a stream. Rejects with `ApiError`. */
export function openEvents(id: string, after: number, signal: AbortSignal): Promise<Response> {
  return send(`/api/v1/deployments/${id}/events?after=${after}`, {
    headers: { accept: "text/event-stream" },
    signal,
  });
}

/** A request with what went wrong as `ApiError`. */
export async function send(url: string, init: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url, { ...init, credentials: "same-origin", redirect: "error" });
  } catch (error) {
    if (init.signal?.aborted && (init.signal.reason as Error | undefined)?.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", "The server does not answer.", "It is tried again by itself.");
  }
  if (response.ok) return response;
  const answer = await response.json().catch(() => undefined);
  const known = isFields(answer) ? answer : {};
  const error = new ApiError(
    response.status,
    text(known.code) || "internal",
    text(known.message) || `The server answered ${response.status}.`,
    textOrNull(known.hint),
  );
  // A wrong password is refused with the same code, but nobody was signed in then.
  if (response.status === 401 && !url.endsWith("/session") && !url.endsWith("/me/password")) onSignedOut();
  throw error;
}

/** Anything that was thrown, as something to show. */
export const asApiError = (error: unknown): ApiError =>
  error instanceof ApiError
    ? error
    : new ApiError(0, "internal", error instanceof Error ? error.message : String(error), null);
