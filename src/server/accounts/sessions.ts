import { randomBytes } from "node:crypto";
import { eq, lt } from "drizzle-orm";
import { tokenHash } from "../secrets/index.js";
import { type Database, newId, sessions } from "../store/index.js";

const lifetime = 30 * 24 * 60 * 60 * 1000;

export interface NewSession {
  /** The cookie's value, 256 random bits; only its SHA-256 is kept. */
  readonly secret: string;
  readonly expiresAt: Date;
}

/** Begins a session of 30 days, and forgets those that have expired. */
export async function beginSession(
  db: Database,
  of: { userId: string; address: string; userAgent: string; now: Date },
): Promise<NewSession> {
  const secret = randomBytes(32).toString("base64url");
  const expiresAt = new Date(of.now.getTime() + lifetime);
  await db.delete(sessions).where(lt(sessions.expiresAt, of.now));
  await db.insert(sessions).values({
    id: newId("ses"),
    tokenHash: tokenHash(secret),
    userId: of.userId,
    createdAt: of.now,
    expiresAt,
    address: of.address,
    userAgent: of.userAgent.slice(0, 300),
  });
  return { secret, expiresAt };
}

export async function endSession(db: Database, id: string): Promise<void> {
  await db.delete(sessions).where(eq(sessions.id, id));
}

/** Signs a user out everywhere. Resolves with how many sessions that ended. */
export async function endSessionsOf(db: Database, userId: string): Promise<number> {
  const ended = await db.delete(sessions).where(eq(sessions.userId, userId)).returning({ id: sessions.id });
  return ended.length;
}
