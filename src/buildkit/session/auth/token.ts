import { withDeadline } from "../../deadline.js";
import { BuildKitError } from "../../errors.js";
import type { RegistryCredentials } from "./docker-config.js";

/** What the daemon asks for: an access token of a registry's token server (the "realm" of its challenge). */
export interface TokenRequest {
  readonly host: string;
  readonly realm: string;
  readonly service: string;
  readonly scopes: readonly string[];
  readonly clientId: string;
}

/** `expiresIn` in seconds; `issuedAt` in seconds since 1970, 0 where the server did not say. */
export interface Token {
  readonly token: string;
  readonly expiresIn: number;
  readonly issuedAt: number;
}

export interface TokenOptions {
  readonly signal: AbortSignal;
  readonly fetch: typeof fetch;
  /** Whether a registry (`host` or `host:port`) is known to speak plain http: its token server may, too. */
  readonly plainHttp: (registry: string, signal: AbortSignal) => Promise<boolean>;
}

/** The distribution specification's default. */
const defaultExpirySeconds = 60;
const timeoutMs = 30_000;
const maxBodyBytes = 1024 * 1024;
const maxRedirects = 3;

/**
 * Fetches a token. With credentials: OAuth2 by POST, and where the server does not offer that, GET with basic
 * authentication; without: GET. Throws `registry_wrong_password`, `registry_login_required`, `registry_rate_limited`, `registry_unreachable`, and
 * `registry_tls_untrusted` for a server that the credentials must not be sent to.
 */
export async function fetchToken(
  request: TokenRequest,
  credentials: RegistryCredentials,
  options: TokenOptions,
): Promise<Token> {
  if (credentials.kind === "bearer")
    return { token: credentials.token, expiresIn: defaultExpirySeconds, issuedAt: 0 };
  const plainHttp = () => options.plainHttp(request.host, options.signal);
  const realm = await checkRealm(request, credentials.kind !== "anonymous", plainHttp);
  const deadline = { ...options, signal: withDeadline(options.signal, timeoutMs) };
  if (credentials.kind !== "anonymous") {
    const answer = await send(realm, oauth(request, credentials), request.host, deadline);
    if (answer.ok) return readToken(answer.body, request.host);
    // No POST here: 404 (GCR), 401 (Artifactory), 405. A refresh token has no other way.
    const offersGet = credentials.kind === "password" && [401, 404, 405].includes(answer.status);
    if (!offersGet) throw refusal(answer, request.host, credentials);
  }
  const answer = await send(withQuery(realm, request), basic(credentials), request.host, deadline);
  if (answer.ok) return readToken(answer.body, request.host);
  throw refusal(answer, request.host, credentials);
}

/** Whether a realm may be asked at all, and whether it may see credentials. */
export async function checkRealm(
  { realm, host }: { realm: string; host: string },
  withCredentials: boolean,
  plainHttp: () => Promise<boolean>,
): Promise<URL> {
  const url = URL.canParse(realm) ? new URL(realm) : undefined;
  if (!url || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw new BuildKitError(
      "protocol_violation",
      `The registry ${host} names a token server that is no http address.`,
    );
  }
  const open = !withCredentials || url.protocol === "https:" || isLoopback(url.hostname);
  if (!open && !(await plainHttp())) {
    throw new BuildKitError(
      "registry_tls_untrusted",
      `The registry ${host} wants its password sent to ${url.host} without encryption.`,
      {
        hint: "Refused. If the registry is meant to be used over plain http, put it into `insecure-registries` of the engine's daemon.json.",
      },
    );
  }
  return url;
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

function oauth(request: TokenRequest, credentials: RegistryCredentials): RequestInit {
  const form = new URLSearchParams({ client_id: request.clientId, service: request.service });
  if (request.scopes.length > 0) form.set("scope", request.scopes.join(" "));
  if (credentials.kind === "identity") {
    form.set("grant_type", "refresh_token");
    form.set("refresh_token", credentials.token);
  } else if (credentials.kind === "password") {
    form.set("grant_type", "password");
    form.set("username", credentials.username);
    form.set("password", credentials.password);
  }
  return { method: "POST", body: form };
}

function withQuery(realm: URL, request: TokenRequest): URL {
  const url = new URL(realm);
  if (request.service) url.searchParams.set("service", request.service);
  for (const scope of request.scopes) url.searchParams.append("scope", scope);
  return url;
}

function basic(credentials: RegistryCredentials): RequestInit {
  if (credentials.kind !== "password") return { method: "GET" };
  const pair = Buffer.from(`${credentials.username}:${credentials.password}`, "utf8").toString("base64");
  return { method: "GET", headers: { authorization: `Basic ${pair}` } };
}

interface Answer {
  readonly ok: boolean;
  readonly status: number;
  readonly body: string;
}

/** Redirects are followed within the origin only: the form's body would go along to wherever they point. */
async function send(url: URL, init: RequestInit, host: string, options: TokenOptions): Promise<Answer> {
  let target = url;
  try {
    for (let hop = 0; hop <= maxRedirects; hop++) {
      const response = await options.fetch(target, { ...init, redirect: "manual", signal: options.signal });
      const location = response.headers.get("location");
      if (response.status < 300 || response.status >= 400 || location === null) {
        return { ok: response.ok, status: response.status, body: await readBody(response) };
      }
      await response.body?.cancel();
      target = new URL(location, target);
      if (target.origin !== url.origin) break;
    }
  } catch (cause) {
    throw unreachable(url, host, cause);
  }
  throw new BuildKitError(
    "registry_unreachable",
    `The token server ${url.host} of the registry ${host} redirects elsewhere.`,
  );
}

async function readBody(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > maxBodyBytes) throw new RangeError("the answer is too long");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function readToken(body: string, host: string): Token {
  let json: Record<string, unknown> = {};
  try {
    json = Object(JSON.parse(body));
  } catch {
    // Not quoted: it may hold a token. What is missing is reported below.
  }
  const token = [json.token, json.access_token].find((value) => typeof value === "string" && value !== "");
  if (typeof token !== "string") {
    throw new BuildKitError(
      "protocol_violation",
      `The token server of the registry ${host} answered without a token.`,
    );
  }
  const expires = Number(json.expires_in);
  const issued = typeof json.issued_at === "string" ? Date.parse(json.issued_at) : Number.NaN;
  return {
    token,
    expiresIn: Number.isSafeInteger(expires) && expires > 0 ? expires : defaultExpirySeconds,
    issuedAt: Number.isNaN(issued) ? 0 : Math.floor(issued / 1000),
  };
}

function refusal({ status }: Answer, host: string, { kind }: RegistryCredentials): BuildKitError {
  if ((status === 401 || status === 403) && kind === "anonymous") {
    return new BuildKitError(
      "registry_login_required",
      `The registry ${host} gives nothing without a login (status ${status}).`,
      {
        hint: `Log in: docker login ${host}`,
      },
    );
  }
  if (status === 401 || status === 403) {
    return new BuildKitError(
      "registry_wrong_password",
      `The registry ${host} does not accept the stored login (status ${status}).`,
      {
        hint: `Log in again: docker login ${host}`,
      },
    );
  }
  if (status === 429) {
    return new BuildKitError(
      "registry_rate_limited",
      `The registry ${host} has had too many requests from here (status ${status}).`,
      {
        hint: `Wait a while, or log in for a higher limit: docker login ${host}`,
      },
    );
  }
  return new BuildKitError(
    "registry_unreachable",
    `The token server of the registry ${host} answered with status ${status}.`,
  );
}

function unreachable(url: URL, host: string, cause: unknown): BuildKitError {
  const reason = (cause as { cause?: { code?: string } }).cause?.code;
  const because = reason ? ` (${reason})` : "";
  if (reason === "ENOTFOUND" || reason === "EAI_AGAIN") {
    return new BuildKitError(
      "registry_dns",
      `The name of the token server ${url.host} cannot be resolved${because}.`,
      { cause },
    );
  }
  if (reason && /CERT|SELF_SIGNED|UNABLE_TO/.test(reason)) {
    return new BuildKitError(
      "registry_tls_untrusted",
      `The certificate of the token server ${url.host} is not trusted${because}.`,
      {
        hint: "Give the certificate authority to this process with NODE_EXTRA_CA_CERTS.",
        cause,
      },
    );
  }
  return new BuildKitError(
    "registry_unreachable",
    `The token server ${url.host} of the registry ${host} cannot be reached${because}.`,
    {
      cause,
    },
  );
}
