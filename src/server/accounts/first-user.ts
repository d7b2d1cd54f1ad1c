import { sql } from "drizzle-orm";
import { GalleyError } from "../../errors/index.js";
import type { Actor } from "../audit/index.js";
import { recordAudit } from "../audit/index.js";
import { type Database, newId, users } from "../store/index.js";

export interface User {
  readonly id: string;
  readonly email: string;
}

/** Is nobody there yet, so that the first one who comes becomes the administrator? */
export async function setupNeeded(db: Database): Promise<boolean> {
  const found = await db.select({ id: users.id }).from(users).limit(1);
  return found.length === 0;
}

/** Makes the first user. Of several at once one succeeds; `conflict` for the others and ever after. */
export async function createFirstUser(
  db: Database,
  user: { email: string; passwordHash: string },
  actor: Actor,
): Promise<User> {
  return await db.transaction(async (tx) => {
    // Under a lock, as two transactions that see no user would both add one.
    await tx.execute(sql`select pg_advisory_xact_lock(113668128531835)`);
    if (!(await setupNeeded(tx)))
      throw new GalleyError("conflict", "This server has been set up already.", { hint: "Sign in instead." });
    const created = { id: newId("usr"), email: user.email };
    await tx.insert(users).values({ ...created, passwordHash: user.passwordHash });
    await recordAudit(
      tx,
      { ...actor, kind: "user", id: created.id, name: created.email },
      "server.setup",
      created.email,
    );
    return created;
  });
}
