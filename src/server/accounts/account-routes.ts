import { eq } from "drizzle-orm";
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import { GalleyError } from "../../errors/index.js";
import { type Actor, recordAudit } from "../audit/index.js";
import {
  type App,
  actorOf,
  identityOf,
  publicAccess,
  requireScope,
  scopes,
  sessionCookie,
  tooMany,
} from "../http/index.js";
import { type Store, users } from "../store/index.js";
import { createFirstUser, setupNeeded, type User } from "./first-user.js";
import { createPasswords } from "./password.js";
import { beginSession, endSession, endSessionsOf } from "./sessions.js";
import { tokenRoutes } from "./token-routes.js";

export interface AccountDeps {
  readonly store: Store;
  readonly publicUrl: URL;
  readonly now: () => Date;
  /** Sign-ins to one account in a quarter of an hour. Default 20. */
  readonly attemptsPerAccount?: number;
  /** scrypt's cost of new passwords. Default 2^15. */
  readonly passwordCost?: number;
}

const email = z
  .string()
  .trim()
  .toLowerCase()
  .max(254)
  .pipe(z.email({ error: "must be an e-mail address" }));
const newPassword = z
  .string()
  .min(10, "must have at least 10 characters")
  .max(500, "must have at most 500 characters");
const userAnswer = z.object({ id: z.string(), email: z.string() });
const signedIn = z.object({ user: userAnswer, expiresAt: z.iso.datetime() });
const quarterHour = 15 * 60_000;

/** /setup, /session, /me and /tokens. */
export function accountRoutes(app: App, deps: AccountDeps): void {
  const { store, now } = deps;
  const passwords = createPasswords(deps.passwordCost);
  const guessable = { config: { access: "public" as const, rateLimit: app.guessLimit } };
  // Beside the limit of the address: many addresses may try one account.
  const attempts = app.createRateLimit({
    max: deps.attemptsPerAccount ?? 20,
    timeWindow: quarterHour,
    keyGenerator: (request) => `account:${(request.body as { email: string }).email}`,
  });

  const begin = async (request: FastifyRequest, reply: FastifyReply, user: User) => {
    const { secret, expiresAt } = await beginSession(store.db, {
      userId: user.id,
      address: request.ip,
      userAgent: request.headers["user-agent"] ?? "",
      now: now(),
    });
    reply.setCookie(sessionCookie, secret, { ...cookieOptions(deps.publicUrl), expires: expiresAt });
    return { user, expiresAt: expiresAt.toISOString() };
  };

  app.get(
    "/setup",
    { ...publicAccess, schema: { tags: ["account"], response: { 200: z.object({ needed: z.boolean() }) } } },
    async () => ({ needed: await setupNeeded(store.db) }),
  );

  app.post(
    "/setup",
    {
      ...guessable,
      schema: {
        tags: ["account"],
        summary: "Makes the first administrator and signs them in. Only while there is nobody.",
        body: z.strictObject({ email, password: newPassword }),
        response: { 201: signedIn },
      },
    },
    async (request, reply) => {
      // Before the work of hashing, which anybody could ask for otherwise.
      if (!(await setupNeeded(store.db)))
        throw new GalleyError("conflict", "This server has been set up already.", {
          hint: "Sign in instead.",
        });
      const passwordHash = await passwords.hash(request.body.password);
      const user = await createFirstUser(
        store.db,
        { email: request.body.email, passwordHash },
        actorOf(request),
      );
      return reply.code(201).send(await begin(request, reply, user));
    },
  );

  app.post(
    "/session",
    {
      ...guessable,
      schema: {
        tags: ["account"],
        summary: "Signs in. The session is in the cookie of the answer.",
        body: z.strictObject({ email, password: z.string().max(500) }),
        response: { 200: signedIn },
      },
    },
    async (request, reply) => {
      const limit = await attempts(request);
      if (!limit.isAllowed && limit.isExceeded) throw tooMany(limit.ttl);
      const [user] = await store.db.select().from(users).where(eq(users.email, request.body.email));
      if (!(await passwords.matches(request.body.password, user?.passwordHash)) || !user) {
        request.log.warn({ address: request.ip }, "a sign-in was refused");
        throw new GalleyError("unauthorized", "The e-mail address or the password is wrong.");
      }
      const actor: Actor = { ...actorOf(request), kind: "user", id: user.id, name: user.email };
      const answer = await begin(request, reply, { id: user.id, email: user.email });
      await recordAudit(store.db, actor, "session.begin", user.email);
      return answer;
    },
  );

  app.delete(
    "/session",
    {
      ...requireScope("read"),
      schema: {
        tags: ["account"],
        summary: "Signs out; with `everywhere`, ends all sessions of the user.",
        querystring: z.strictObject({ everywhere: z.enum(["true", "false"]).default("false") }),
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      const identity = identityOf(request);
      const everywhere = request.query.everywhere === "true";
      if (identity.kind !== "session")
        throw new GalleyError("invalid_request", "An API token has no session that could end.");
      await store.db.transaction(async (tx) => {
        if (everywhere) await endSessionsOf(tx, identity.user.id);
        else await endSession(tx, identity.id);
        await recordAudit(
          tx,
          actorOf(request),
          everywhere ? "session.end-everywhere" : "session.end",
          identity.user.email,
        );
      });
      reply.clearCookie(sessionCookie, cookieOptions(deps.publicUrl));
      return reply.code(204).send(null);
    },
  );

  app.get(
    "/me",
    {
      ...requireScope("read"),
      schema: {
        tags: ["account"],
        response: {
          200: z.object({
            user: userAnswer,
            kind: z.enum(["session", "token"]),
            name: z.string(),
            scopes: z.array(z.enum(scopes)),
          }),
        },
      },
    },
    (request) => {
      const { user, kind, name, scopes } = identityOf(request);
      return { user, kind, name, scopes: [...scopes] };
    },
  );

  app.put(
    "/me/password",
    {
      config: { access: "admin" as const, rateLimit: app.guessLimit },
      schema: {
        tags: ["account"],
        summary: "Changes the password, ends all sessions of the user and begins a new one.",
        body: z.strictObject({ current: z.string().max(500), password: newPassword }),
        response: { 200: signedIn },
      },
    },
    async (request, reply) => {
      const identity = identityOf(request);
      const { user } = identity;
      if (identity.kind !== "session")
        throw new GalleyError("forbidden", "A password is changed by its user, not with an API token.");
      const [found] = await store.db.select().from(users).where(eq(users.id, user.id));
      if (!(await passwords.matches(request.body.current, found?.passwordHash)))
        throw new GalleyError("unauthorized", "The current password is wrong.");
      const passwordHash = await passwords.hash(request.body.password);
      await store.db.transaction(async (tx) => {
        await tx.update(users).set({ passwordHash }).where(eq(users.id, user.id));
        await endSessionsOf(tx, user.id);
        await recordAudit(tx, actorOf(request), "user.password", user.email);
      });
      return await begin(request, reply, user);
    },
  );

  tokenRoutes(app, deps);
}

const cookieOptions = (publicUrl: URL) => ({
  path: "/",
  httpOnly: true,
  sameSite: "lax" as const,
  secure: publicUrl.protocol === "https:",
});
