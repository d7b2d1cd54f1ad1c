import { and, asc, eq } from "drizzle-orm";
import { z } from "zod";
import { GalleyError } from "../../errors/index.js";
import { recordAudit } from "../audit/index.js";
import { type App, actorOf, identityOf, mayUse, requireScope, type Scope, scopes } from "../http/index.js";
import { newToken, tokenHash } from "../secrets/index.js";
import { apiTokens, isUniqueViolation, newId, type Store } from "../store/index.js";

const day = 24 * 60 * 60 * 1000;
const tokenAnswer = z.object({
  id: z.string(),
  name: z.string(),
  scopes: z.array(z.enum(scopes)),
  createdAt: z.iso.datetime(),
  expiresAt: z.iso.datetime().nullable(),
  lastUsedAt: z.iso.datetime().nullable(),
});

/** /tokens: a user's own API tokens. */
export function tokenRoutes(app: App, deps: { store: Store; now: () => Date }): void {
  const { db } = deps.store;

  app.get(
    "/tokens",
    {
      ...requireScope("admin"),
      schema: { tags: ["account"], response: { 200: z.object({ tokens: z.array(tokenAnswer) }) } },
    },
    async (request) => {
      const { user } = identityOf(request);
      const rows = await db
        .select()
        .from(apiTokens)
        .where(eq(apiTokens.userId, user.id))
        .orderBy(asc(apiTokens.createdAt), asc(apiTokens.id));
      return { tokens: rows.map(describe) };
    },
  );

  app.post(
    "/tokens",
    {
      ...requireScope("admin"),
      schema: {
        tags: ["account"],
        summary: "Makes a token. The answer has it in full, this once.",
        body: z.strictObject({
          name: z.string().trim().min(1).max(100),
          scopes: z.array(z.enum(scopes)).min(1),
          expiresInDays: z.int().min(1).max(3650).nullable().default(null),
        }),
        response: { 201: tokenAnswer.extend({ token: z.string() }) },
      },
    },
    async (request, reply) => {
      const { user } = identityOf(request);
      const { name, expiresInDays } = request.body;
      const at = deps.now();
      const token = newToken("galley_pat_");
      const row = {
        id: newId("tok"),
        userId: user.id,
        name,
        tokenHash: tokenHash(token),
        scopes: scopes.filter((scope) => request.body.scopes.includes(scope)),
        createdAt: at,
        expiresAt: expiresInDays === null ? null : new Date(at.getTime() + expiresInDays * day),
        lastUsedAt: null,
      };
      try {
        await db.transaction(async (tx) => {
          await tx.insert(apiTokens).values(row);
          await recordAudit(tx, actorOf(request), "token.create", name);
        });
      } catch (error) {
        if (!isUniqueViolation(error, "api_tokens_name_unique")) throw error;
        throw new GalleyError("conflict", `You have a token with the name ${JSON.stringify(name)} already.`);
      }
      return reply.code(201).send({ ...describe(row), token });
    },
  );

  app.delete(
    "/tokens/:id",
    {
      // Any token may end itself: signing out should leave nothing behind that works.
      ...requireScope("read"),
      schema: {
        tags: ["account"],
        summary: "Revokes a token. Needs the scope admin, but for the token that asks.",
        params: z.object({ id: z.string().max(64) }),
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      const identity = identityOf(request);
      const { user } = identity;
      const itself = identity.kind === "token" && identity.id === request.params.id;
      if (!itself && !mayUse(identity, "admin"))
        throw new GalleyError("forbidden", "This token may revoke no token but itself.", {
          hint: "Sign in, or use a token with the scope admin.",
        });
      await db.transaction(async (tx) => {
        const [gone] = await tx
          .delete(apiTokens)
          .where(and(eq(apiTokens.id, request.params.id), eq(apiTokens.userId, user.id)))
          .returning({ name: apiTokens.name });
        if (!gone) throw new GalleyError("not_found", "You have no such token.");
        await recordAudit(tx, actorOf(request), "token.revoke", gone.name);
      });
      return reply.code(204).send(null);
    },
  );
}

function describe(
  row: Omit<typeof apiTokens.$inferSelect, "tokenHash" | "userId">,
): z.infer<typeof tokenAnswer> {
  return {
    id: row.id,
    name: row.name,
    scopes: row.scopes as Scope[],
    createdAt: row.createdAt.toISOString(),
    expiresAt: row.expiresAt?.toISOString() ?? null,
    lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
  };
}
