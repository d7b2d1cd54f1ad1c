import type { FastifyRequest } from "fastify";
import { GalleyError } from "../../errors/index.js";
import type { Actor } from "../audit/index.js";

export const scopes = ["read", "deploy", "admin"] as const;
/** Each holds the ones before it: who may administer may deploy and read. */
export type Scope = (typeof scopes)[number];

/** Who a request comes from. */
export interface Identity {
  readonly kind: "session" | "token";
  /** Of the session or the token. */
  readonly id: string;
  /** The token's name; for a session the user's address. */
  readonly name: string;
  readonly user: { readonly id: string; readonly email: string };
  readonly scopes: readonly Scope[];
}

/** How the HTTP room learns whose a cookie or a token is. Both resolve with undefined for one that is unknown or has expired. */
export interface Authenticator {
  bySession(cookie: string): Promise<Identity | undefined>;
  byToken(token: string): Promise<Identity | undefined>;
}

/** Name of the cookie that carries a session. */
export const sessionCookie = "galley_session";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Who may call the route. There is no default: a route that does not say is refused when it is registered. */
    access?: Scope | "public" | "anybody";
  }
  interface FastifyRequest {
    identity: Identity | null;
  }
}

/** Route options for who may call: `app.get("/things", { ...requireScope("read"), schema }, …)`. */
export const requireScope = (access: Scope) => ({ config: { access } });

/** Route options for a route that needs no sign-in, or that authenticates in a way of its own. */
export const publicAccess = { config: { access: "public" as const } };

/** As `publicAccess`, and any other site's page may send anything: for what changes nothing of the caller's. */
export const anybody = { config: { access: "anybody" as const } };

export const mayUse = (identity: Identity, scope: Scope): boolean =>
  identity.scopes.some((held) => scopes.indexOf(held) >= scopes.indexOf(scope));

/** Who has called, on a route that needs a scope. */
export function identityOf(request: FastifyRequest): Identity {
  if (!request.identity)
    throw new GalleyError("unauthorized", "This needs a sign-in.", { hint: "Run `galley login`." });
  return request.identity;
}

/** Who has called, for the audit log. */
export function actorOf(request: FastifyRequest): Actor {
  const from = { address: request.ip, requestId: request.id };
  const { identity } = request;
  if (!identity) return { kind: "anonymous", id: null, name: "anonymous", ...from };
  return identity.kind === "session"
    ? { kind: "user", id: identity.user.id, name: identity.user.email, ...from }
    : { kind: "token", id: identity.id, name: `${identity.name} of ${identity.user.email}`, ...from };
}
