import { and, eq, isNotNull, isNull, ne } from "drizzle-orm";
import { agentKeys, type Database } from "../store/index.js";
import type { AgentDeps } from "./deps.js";

const day = 24 * 3600_000;
const credentialMs = 30 * day;

/** What an agent holds to be let onto the bus. */
export interface Credential {
  readonly jwt: string;
  readonly expiresAt: Date;
  /** Half of its life: there is time to be away. */
  readonly renewAfter: Date;
}

/** Issues a credential for a key and writes it down. The key is the agent's from here on. */
export async function issueFor(
  tx: Database,
  { bus, now }: Pick<AgentDeps, "bus" | "now">,
  agent: string,
  publicKey: string,
): Promise<Credential> {
  const expiresAt = new Date(now() + credentialMs);
  const jwt = await bus.issue({ agent, publicKey, expiresAt });
  await tx
    .insert(agentKeys)
    .values({ publicKey, agentId: agent, expiresAt })
    .onConflictDoUpdate({ target: agentKeys.publicKey, set: { expiresAt } });
  return { jwt, expiresAt, renewAfter: new Date(now() + credentialMs / 2) };
}

/** Writes down that the agent's keys are to be refused, all but `except`; `sendRevocations` tells the bus. */
export async function revokeKeys(tx: Database, agent: string, at: Date, except?: string): Promise<void> {
  await tx
    .update(agentKeys)
    .set({ revokedAt: at })
    .where(
      and(
        eq(agentKeys.agentId, agent),
        isNull(agentKeys.revokedAt),
        ...(except === undefined ? [] : [ne(agentKeys.publicKey, except)]),
      ),
    );
}

/**
 * Tells the bus of every key that is to be refused and that it was not told of. Called right after a revocation, and by the
 * reconciler: what the bus did not hear, because it was away, it hears later.
 */
export async function sendRevocations({ db, bus, log, now }: AgentDeps): Promise<void> {
  const due = await db
    .select({ publicKey: agentKeys.publicKey, agentId: agentKeys.agentId })
    .from(agentKeys)
    .where(and(isNotNull(agentKeys.revokedAt), isNull(agentKeys.revocationSentAt)));
  for (const { publicKey, agentId } of due) {
    try {
      await bus.revoke(publicKey);
    } catch (error) {
      log.warn(
        { err: error, agent: agentId },
        "the bus could not be told of a revocation; it is tried again",
      );
      return;
    }
    await db
      .update(agentKeys)
      .set({ revocationSentAt: new Date(now()) })
      .where(eq(agentKeys.publicKey, publicKey));
  }
}
