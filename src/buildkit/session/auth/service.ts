import { randomBytes } from "node:crypto";
import { Auth } from "../../../../proto/index.js";
import { RpcError, rpcStatus, type SessionService } from "../service.js";
import { serviceOf, unary } from "../typed.js";
import { authorityKey, publicBytes, signedMessage } from "./authority.js";
import { credentialFinder } from "./credentials.js";
import type { DockerConfig, RegistryCredentials } from "./docker-config.js";
import { fetchToken, type Token, type TokenRequest } from "./token.js";

export interface RegistryAuthOptions {
  readonly config: DockerConfig;
  /**
   * Fetch tokens on our side, so that passwords stay here wherever a registry works with tokens. Default true. Without it
   * the daemon asks for the password and fetches them itself, for token servers that only the daemon can reach.
   */
  readonly clientToken?: boolean;
  /** Tokens are for reading alone, whatever the daemon asks for. A registry that takes nothing but user and password knows no difference. */
  readonly readOnly?: boolean;
  /** 16 bytes or more that stay with this client: with the same seed, later sessions may reuse the daemon's tokens. Default: random. */
  readonly seed?: Uint8Array;
  /**
   * Whether a registry (`host` or `host:port`) is meant to be used over plain http. Asked only when its token server, which is
   * not on loopback, wants a password that way. Default: none is.
   */
  readonly plainHttp?: (registry: string, signal: AbortSignal) => Promise<boolean>;
  /** Hears sentences for a person, for example of a credential helper that is not installed. */
  readonly onWarning?: (warning: string) => void;
  /** Environment of credential helpers. Default: that of the process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly fetch?: typeof fetch;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

export interface RegistryAuth extends SessionService {
  /** Registries (`host` or `host:port`) for which a login was shown, to the daemon or to a token server. */
  readonly sentTo: ReadonlySet<string>;
  /** What is known for a registry, for callers that log in themselves. Never rejects. */
  credentials(host: string): Promise<RegistryCredentials>;
}

/**
 * moby.filesync.v1.Auth: logs the daemon in to registries. For a registry that works with tokens the daemon asks for the
 * authority, then for tokens (20.10 and newer); only for one that takes nothing but user name and password it asks for
 * those. May serve many sessions, one after the other or at once.
 */
export function createRegistryAuth(options: RegistryAuthOptions): RegistryAuth {
  const { clientToken = true, seed = randomBytes(32) } = options;
  const now = options.now ?? Date.now;
  const find = credentialFinder({
    config: options.config,
    onWarning: options.onWarning,
    env: options.env ?? process.env,
    now,
  });
  const sentTo = new Set<string>();
  const show = async (host: string) => {
    const found = await find(host);
    if (found.kind !== "anonymous") sentTo.add(host);
    return found;
  };
  const authority = async (host: string, salt: Uint8Array) => {
    // The daemon takes UNAVAILABLE for "ask for the password instead".
    if (!clientToken) throw new RpcError(rpcStatus.unavailable, "tokens are not fetched by this client");
    return authorityKey(seed, salt, host, await find(host));
  };
  const tokens = tokenCache(now, async (request, signal) =>
    fetchToken(request, await show(request.host), {
      signal,
      fetch: options.fetch ?? fetch,
      plainHttp: options.plainHttp ?? (async () => false),
    }),
  );
  const service = serviceOf(
    unary(Auth.methods.Credentials, async ({ host }) => {
      const found = await show(host);
      if (found.kind === "password") return { username: found.username, secret: found.password };
      // An empty user name says that the secret is an identity token.
      return found.kind === "identity" ? { secret: found.token } : {};
    }),
    unary(Auth.methods.FetchToken, async (asked, call) => {
      const request = options.readOnly ? { ...asked, scopes: readScopes(asked.scopes) } : asked;
      const { token, expiresIn, issuedAt } = await tokens(request, call.signal);
      return { token, expiresIn, issuedAt };
    }),
    unary(Auth.methods.GetTokenAuthority, async ({ host, salt }) => ({
      publicKey: publicBytes(await authority(host, salt)),
    })),
    unary(Auth.methods.VerifyTokenAuthority, async ({ host, salt, payload }) => ({
      signed: signedMessage(await authority(host, salt), payload),
    })),
  );
  return { ...service, sentTo, credentials: find };
}

/** Tokens by what was asked for, kept for nine tenths of their life: a service may serve many sessions. */
function tokenCache(
  now: () => number,
  fetchNew: (request: TokenRequest, signal: AbortSignal) => Promise<Token>,
): (request: TokenRequest, signal: AbortSignal) => Promise<Token> {
  const known = new Map<string, { until: number; token: Token }>();
  return async (request, signal) => {
    const key = JSON.stringify([request.host, request.realm, request.service, [...request.scopes].sort()]);
    const kept = known.get(key);
    if (kept && now() < kept.until) return kept.token;
    known.delete(key);
    const token = await fetchNew(request, signal);
    const issued = token.issuedAt > 0 ? Math.min(token.issuedAt * 1000, now()) : now();
    known.set(key, { until: issued + token.expiresIn * 900, token });
    return token;
  };
}

/** `repository:team/app:pull,push` is `repository:team/app:pull`, and what is no repository's is nothing. */
function readScopes(scopes: readonly string[]): string[] {
  return scopes.flatMap((scope) => {
    const [, repository, actions = ""] = /^(repository:.+):([^:]*)$/.exec(scope) ?? [];
    return repository !== undefined && actions.split(",").includes("pull") ? [`${repository}:pull`] : [];
  });
}
