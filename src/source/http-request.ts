import { type IncomingMessage, request as plain } from "node:http";
import { request as secure } from "node:https";
import { isIP } from "node:net";
import { GalleyError } from "../errors/index.js";
import type { AddressGuard } from "./address-guard.js";

export interface HttpRequest {
  readonly method: "GET" | "POST";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly guard: AddressGuard;
  /** Certificates (PEM) that are trusted instead of the system's. */
  readonly ca?: string;
  readonly signal: AbortSignal;
}

const mostRedirects = 5;
/** Silence for so long ends a request. */
const silenceMs = 60_000;

/**
 * Asks an http server; the answer's body is for the caller to read, or to destroy. Redirects are followed, never from https to
 * http, and what authorizes goes to no other origin than it was meant for. Throws `GalleyError`: git_host_unknown,
 * git_unreachable, git_timeout, git_failed; the signal's reason.
 */
export async function ask(request: HttpRequest): Promise<IncomingMessage> {
  let { url, headers } = request;
  for (let hop = 0; ; hop++) {
    const answer = await once({ ...request, url, headers });
    const { location } = answer.headers;
    const status = answer.statusCode ?? 0;
    if (location === undefined || ![301, 302, 303, 307, 308].includes(status)) return answer;
    answer.destroy();
    const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
    const downgrade = url.protocol === "https:" && next?.protocol !== "https:";
    if (next === undefined || downgrade || hop === mostRedirects) {
      throw new GalleyError("git_failed", `${url.origin} redirects to where it cannot be followed.`);
    }
    // A POST that would become a GET asks for something else.
    if (request.method === "POST" && status < 307) {
      throw new GalleyError("git_failed", `${url.origin} redirects a request that cannot be repeated.`);
    }
    if (next.origin !== url.origin) {
      headers = Object.fromEntries(
        Object.entries(headers).filter(([name]) => !/^(authorization|cookie)$|token|secret/i.test(name)),
      );
    }
    url = next;
  }
}

async function once({
  method,
  url,
  headers,
  body,
  guard,
  ca,
  signal,
}: HttpRequest): Promise<IncomingMessage> {
  signal.throwIfAborted();
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw new GalleyError("git_failed", `Files are not fetched over ${url.protocol.slice(0, -1)}.`);
  }
  const host = url.hostname.replace(/^\[|\]$/g, "");
  // Names are checked when they are resolved; these are not resolved.
  if (isIP(host) !== 0 && !(await guard.allows(host))) throw ownAddress(url);
  return await new Promise<IncomingMessage>((resolve, reject) => {
    const start = url.protocol === "https:" ? secure : plain;
    const sent = start(
      url,
      {
        method,
        headers: { ...headers, "user-agent": "galley" },
        lookup: guard.lookup,
        signal,
        ...(ca ? { ca } : {}),
      },
      resolve,
    );
    sent.setTimeout(silenceMs, () => {
      sent.destroy(
        new GalleyError("git_timeout", `${url.origin} stopped answering.`, { hint: "Try again." }),
      );
    });
    sent.on("error", (error) => reject(signal.aborted ? signal.reason : networkError(url, error)));
    sent.end(body);
  });
}

/** What a failed connection means. */
export function networkError(url: URL, error: unknown): GalleyError {
  if (error instanceof GalleyError) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") {
    return new GalleyError("git_host_unknown", `The host ${url.hostname} cannot be resolved.`, {
      cause: error,
    });
  }
  if (code === "EACCES") return ownAddress(url);
  return new GalleyError("git_unreachable", `${url.origin} cannot be reached${code ? ` (${code})` : ""}.`, {
    hint: "Is the server up, and reachable from the machine where the agent runs (firewall, certificate)?",
    cause: error,
  });
}

function ownAddress(url: URL): GalleyError {
  return new GalleyError(
    "git_failed",
    `The repository names ${url.origin}, an address of the agent's own machine.`,
    {
      hint: "Addresses in .gitmodules and .lfsconfig have to be those of other hosts.",
    },
  );
}
