import { and, eq, gt, isNull, or } from "drizzle-orm";
import { type Authenticator, type Scope, scopes } from "../http/index.js";
import { tokenHash } from "../secrets/index.js";
import { apiTokens, type Database, sessions, users } from "../store/index.js";

const minute = 60_000;

/** Finds out whose a cookie or a token is. `now` decides what has expired. */
export function createAuthenticator(db: Database, now: () => Date): Authenticator {
  const user = { id: users.id, email: users.email };
  return {
    async bySession(cookie) {
      const [found] = await db
        .select({ id: sessions.id, user })
        .from(sessions)
        .innerJoin(users, eq(users.id, sessions.userId))
        .where(and(eq(sessions.tokenHash, tokenHash(cookie)), gt(sessions.expiresAt, now())));
      return found && { kind: "session", id: found.id, name: found.user.email, user: found.user, scopes };
    },
    async byToken(token) {
      const at = now();
      const [found] = await db
        .select({
          id: apiTokens.id,
          name: apiTokens.name,
          scopes: apiTokens.scopes,
          lastUsedAt: apiTokens.lastUsedAt,
          user,
        })
        .from(apiTokens)
        .innerJoin(users, eq(users.id, apiTokens.userId))
        .where(
          and(
            eq(apiTokens.tokenHash, tokenHash(token)),
            or(isNull(apiTokens.expiresAt), gt(apiTokens.expiresAt, at)),
          ),
        );
      if (!found) return undefined;
      // To the minute: a token that is used without pause is not to cost a write each time.
      if (found.lastUsedAt === null || at.getTime() - found.lastUsedAt.getTime() > minute)
        await db.update(apiTokens).set({ lastUsedAt: at }).where(eq(apiTokens.id, found.id));
      const held = scopes.filter((scope: Scope) => found.scopes.includes(scope));
      return { kind: "token", id: found.id, name: found.name, user: found.user, scopes: held };
    },
  };
}
