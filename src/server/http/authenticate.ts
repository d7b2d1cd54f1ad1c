import type { FastifyInstance, FastifyRequest } from "fastify";
import { GalleyError } from "../../errors/index.js";
import { type Authenticator, type Identity, mayUse, type Scope, sessionCookie } from "./access.js";

const safe = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Puts a check before every route by its `access`. A session's cookie is sent by browsers of their own accord, so a request
 * that changes something must show that a page of ours has made it: by `X-Galley-CSRF: 1`, which no other site's page can set, or
 * by an Origin equal to ours.
 */
export function authenticateRoutes(
  app: FastifyInstance,
  options: { authenticator: Authenticator; publicUrl: URL },
): void {
  const { authenticator } = options;
  const fromOurPage = (request: FastifyRequest): boolean =>
    request.headers["x-galley-csrf"] === "1" || request.headers.origin === options.publicUrl.origin;

  const publicRoute = async (request: FastifyRequest): Promise<void> => {
    // Nobody may sign a browser in to an account of their own from another site, either.
    if (!safe.has(request.method) && request.headers.origin !== undefined && !fromOurPage(request))
      throw crossSite();
  };

  const scopedRoute =
    (scope: Scope) =>
    async (request: FastifyRequest): Promise<void> => {
      const identity = await identify(request, authenticator);
      if (!identity)
        throw new GalleyError("unauthorized", "The request carries no valid session or token.", {
          hint: "Sign in, run `galley login`, or send `Authorization: Bearer galley_pat_…` with a token that has not expired.",
        });
      if (identity.kind === "session" && !safe.has(request.method) && !fromOurPage(request))
        throw crossSite();
      if (!mayUse(identity, scope))
        throw new GalleyError(
          "forbidden",
          `The token ${JSON.stringify(identity.name)} lacks the scope ${scope}.`,
          {
            hint: "Make a token with that scope.",
          },
        );
      request.identity = identity;
    };

  app.decorateRequest("identity", null);
  app.addHook("onRoute", (route) => {
    const access = route.config?.access;
    if (!access)
      throw new GalleyError(
        "internal",
        `The route ${route.method} ${route.url} does not say who may call it.`,
      );
    const before = route.onRequest === undefined ? [] : [route.onRequest].flat();
    if (access === "anybody") return;
    route.onRequest = [...before, access === "public" ? publicRoute : scopedRoute(access)];
  });
}

async function identify(
  request: FastifyRequest,
  authenticator: Authenticator,
): Promise<Identity | undefined> {
  const { authorization } = request.headers;
  // A token that is sent is meant: a wrong one is not made good by a cookie beside it.
  if (authorization !== undefined) {
    const [, token] = /^Bearer +([\w.~+/-]+=*)$/i.exec(authorization) ?? [];
    return token === undefined ? undefined : await authenticator.byToken(token);
  }
  const cookie = request.cookies[sessionCookie];
  return cookie === undefined ? undefined : await authenticator.bySession(cookie);
}

const crossSite = () =>
  new GalleyError("forbidden", "The request does not come from a page of this server.", {
    hint: "Send the header `X-Galley-CSRF: 1`, and set GALLEY_PUBLIC_URL to the address that people open.",
  });
