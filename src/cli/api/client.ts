import type { z } from "zod";
import { GalleyError, type GalleyErrorCode, galleyErrorCodes, withDeadline } from "../../errors/index.js";
import { plainText } from "../plain-text.js";

/** What shows to the server who asks: an API token, or the cookie of a session, which `login` alone has. */
export type Credential = { readonly token: string } | { readonly cookie: string } | undefined;

export interface ApiOptions {
  /** Origin of the server, without a path. */
  readonly url: string;
  readonly credential?: Credential;
  /** Ends every request. */
  readonly signal: AbortSignal;
  /** Milliseconds for one answer. Default 30,000. */
  readonly timeoutMs?: number;
}

export interface Answer<T> {
  readonly body: T;
  readonly headers: Headers;
}

export interface Api {
  readonly url: string;
  get<T>(path: string, schema: z.ZodType<T>): Promise<T>;
  /** POST, PUT, PATCH or DELETE. Without a schema the answer has no body that is of interest. */
  send<T>(method: Method, path: string, body: object | undefined, schema: z.ZodType<T>): Promise<Answer<T>>;
  send(method: Method, path: string, body?: object): Promise<Answer<undefined>>;
  /**
   * The open answer of server-sent events after the one with the id `after`; `signal` closes it. Has no deadline but for its head. With `body`
   * it is the answer to a POST.
   */
  events(path: string, after: number, signal: AbortSignal, body?: object): Promise<Response>;
}

type Method = "POST" | "PUT" | "PATCH" | "DELETE";

/** Longest answer that is read. Characters; a page of 500 events of log lines stays below it. */
const longestAnswer = 64 * 1024 * 1024;

/**
 * The server's HTTP API below /api/v1. Answers are checked, and what fails is a `GalleyError`: the server's own code, sentence and
 * hint where it has said one, `control_plane_unreachable` where nothing of Galley has answered.
 */
export function createApi({ url, credential, signal, timeoutMs = 30_000 }: ApiOptions): Api {
  const request = async (method: string, path: string, init: RequestInit, ends: AbortSignal) => {
    const headers = new Headers(init.headers);
    if (credential && "token" in credential) headers.set("authorization", `Bearer ${credential.token}`);
    if (credential && "cookie" in credential) headers.set("cookie", credential.cookie);
    // A browser could not set it for another site's page: see the server's check of requests that come with a cookie.
    headers.set("x-galley-csrf", "1");
    let response: Response;
    try {
      // A redirect would carry the token, or a password, to wherever it points.
      response = await fetch(`${url}/api/v1${path}`, {
        ...init,
        method,
        headers,
        signal: ends,
        redirect: "manual",
      });
    } catch (error) {
      signal.throwIfAborted();
      throw unreachable(url, error, timeoutMs);
    }
    if (response.ok) return response;
    throw await refusal(url, response);
  };

  const ask = async <T>(
    method: string,
    path: string,
    body: object | undefined,
    schema: z.ZodType<T> | undefined,
  ): Promise<Answer<T | undefined>> => {
    const ends = withDeadline(signal, timeoutMs);
    const init: RequestInit =
      body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
    const response = await request(method, path, init, ends);
    const text = await readText(url, response, signal, timeoutMs);
    if (schema === undefined) return { body: undefined, headers: response.headers };
    const parsed = schema.safeParse(parseJson(text));
    if (!parsed.success)
      throw notGalley(url, "gave an answer that this version of the command does not know");
    return { body: parsed.data, headers: response.headers };
  };

  return {
    url,
    get: async (path, schema) => (await ask("GET", path, undefined, schema)).body as never,
    send: async (method: Method, path: string, body?: object, schema?: z.ZodType) =>
      (await ask(method, path, body, schema)) as never,
    events: async (path, after, closed, body) => {
      const opened = new AbortController();
      const late = setTimeout(() => opened.abort(new DOMException("late", "TimeoutError")), timeoutMs);
      try {
        const headers = {
          accept: "text/event-stream",
          ...(after > 0 ? { "last-event-id": String(after) } : {}),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        };
        const response = await request(
          body === undefined ? "GET" : "POST",
          path,
          { headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) },
          AbortSignal.any([signal, closed, opened.signal]),
        );
        if (/^text\/event-stream\b/.test(response.headers.get("content-type") ?? "")) return response;
        await response.body?.cancel();
        throw notGalley(url, "does not send events");
      } finally {
        clearTimeout(late);
      }
    },
  };
}

async function readText(
  url: string,
  response: Response,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<string> {
  if (Number(response.headers.get("content-length") ?? 0) > longestAnswer) {
    await response.body?.cancel();
    throw notGalley(url, "gave an answer that is too long");
  }
  try {
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      if (text.length > longestAnswer) throw notGalley(url, "gave an answer that is too long");
    }
    return text + decoder.decode();
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof GalleyError ? error : unreachable(url, error, timeoutMs);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What the server has refused, in its own words, made safe for a terminal. */
async function refusal(url: string, response: Response): Promise<GalleyError> {
  if (response.status >= 300 && response.status < 400) {
    await response.body?.cancel();
    const to = response.headers.get("location");
    return new GalleyError("control_plane_unreachable", `${url} answers that it is somewhere else.`, {
      hint:
        to && URL.canParse(to, url) ? `Use ${plainText(new URL(to, url).origin)} as the address.` : undefined,
    });
  }
  const text = await response.text().catch(() => "");
  const said = parseJson(text.slice(0, 1024 * 1024));
  if (typeof said === "object" && said !== null && "message" in said && typeof said.message === "string") {
    const code = "code" in said ? knownCode(said.code) : undefined;
    const hint = "hint" in said && typeof said.hint === "string" ? plainText(said.hint) : undefined;
    return new GalleyError(code ?? "internal", plainText(said.message), { hint });
  }
  if (response.status >= 502 && response.status <= 504)
    return new GalleyError("control_plane_unreachable", `The proxy at ${url} does not reach the server.`, {
      hint: "See that the server runs.",
    });
  return notGalley(url, `answers with the status ${response.status} and says no more`);
}

const knownCode = (code: unknown): GalleyErrorCode | undefined =>
  galleyErrorCodes.find((known) => known === code);

const notGalley = (url: string, what: string) =>
  new GalleyError("control_plane_unreachable", `${url} ${what}.`, {
    hint: "See that this is the address of a Galley server of the same version.",
  });

/** By the code that Node gives a failed connection. */
const reasons: Record<string, string> = {
  ECONNREFUSED: "nothing listens there",
  ENOTFOUND: "the host name is not known",
  EAI_AGAIN: "the host name cannot be resolved",
  ECONNRESET: "the connection was cut",
  UND_ERR_SOCKET: "the connection was cut",
  ETIMEDOUT: "no answer came",
  UND_ERR_CONNECT_TIMEOUT: "no answer came",
  EHOSTUNREACH: "there is no way to the host",
  ENETUNREACH: "there is no way to the network",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is signed by nobody this machine trusts",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is signed by nobody this machine trusts",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate is signed by nobody this machine trusts",
  CERT_HAS_EXPIRED: "its certificate has expired",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another name",
  ERR_SSL_WRONG_VERSION_NUMBER: "it does not speak TLS: the address may have to begin with http://",
  EPROTO: "it does not speak TLS: the address may have to begin with http://",
};

export function unreachable(url: string, error: unknown, timeoutMs: number): GalleyError {
  const timedOut = error instanceof Error && error.name === "TimeoutError";
  const code = errorCode(error);
  const reason = timedOut ? `no answer came in ${timeoutMs / 1000} seconds` : (reasons[code] ?? code);
  return new GalleyError(
    "control_plane_unreachable",
    `The server at ${url} cannot be reached${reason ? `: ${reason}` : ""}.`,
    {
      hint: /CERT|SIGNED|VERIFY/.test(code)
        ? "Trust its authority with NODE_EXTRA_CA_CERTS=FILE."
        : "See that it runs, and that the address is right: `galley login URL` takes another one, GALLEY_URL goes before it.",
      cause: error,
    },
  );
}

function errorCode(error: unknown): string {
  for (let at = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth += 1) {
    if ("code" in at && typeof at.code === "string") return at.code;
    if (at instanceof AggregateError) {
      const [first] = at.errors;
      if (first instanceof Error && "code" in first && typeof first.code === "string") return first.code;
    }
  }
  return "";
}

/** The path of a project, or of something below it. */
export const projectPath = (name: string, ...below: readonly string[]): string =>
  ["/projects", name, ...below]
    .map((part, index) => (index === 0 ? part : encodeURIComponent(part)))
    .join("/");
