import { and, eq, isNull } from "drizzle-orm";
import { GalleyError } from "../../errors/index.js";
import { type Actor, recordAudit } from "../audit/index.js";
import { newToken, tokenHash } from "../secrets/index.js";
import { agents, agentTokens, type Database, isUniqueViolation, newId } from "../store/index.js";
import { revokeKeys, sendRevocations } from "./credentials.js";
import type { AgentDeps } from "./deps.js";

/** A bootstrap token that nobody has used is good for a week. */
const unusedMs = 7 * 24 * 3600_000;

export interface NewToken {
  readonly agent: string;
  /** Shown once: only its hash is kept. */
  readonly token: string;
  readonly expiresAt: Date;
}

/** Makes an agent and the token with which its process introduces itself. Throws `conflict` when the name is taken. */
export async function createAgent(deps: AgentDeps, actor: Actor, name: string): Promise<NewToken> {
  const id = newId("agt");
  try {
    const made = await deps.db.transaction(async (tx) => {
      await tx.insert(agents).values({ id, name, createdAt: new Date(deps.now()) });
      await recordAudit(tx, actor, "agent.create", name);
      return giveToken(tx, deps, id);
    });
    // Without a bus now, the reconciler makes it later.
    await deps.bus
      .ensureConsumer(id)
      .catch((error: unknown) => deps.log.warn({ err: error, agent: id }, "the agent has no consumer yet"));
    return made;
  } catch (error) {
    if (!isUniqueViolation(error, "agents_name_unique")) throw error;
    throw new GalleyError("conflict", `There is an agent ${JSON.stringify(name)} already.`, {
      hint: "Take another name, or get a new token for the one that is there with `galley agent rotate`.",
    });
  }
}

/** Gives the agent a new token; earlier ones are refused. A running agent goes on with the credential that it holds. */
export async function rotateToken(deps: AgentDeps, actor: Actor, id: string): Promise<NewToken> {
  return deps.db.transaction(async (tx) => {
    const agent = await agentForUpdate(tx, id);
    await recordAudit(tx, actor, "agent.rotate", agent.name);
    await tx
      .update(agentTokens)
      .set({ replacedAt: new Date(deps.now()) })
      .where(and(eq(agentTokens.agentId, id), isNull(agentTokens.replacedAt)));
    return giveToken(tx, deps, id);
  });
}

/**
 * Ends an agent: its connection is cut at once, its token and its key are refused, its deployments fail. What runs on its machine
 * is not touched, as nobody is there any more who could.
 */
export async function revokeAgent(deps: AgentDeps, actor: Actor, id: string): Promise<void> {
  const { db, bus, log } = deps;
  await db.transaction(async (tx) => {
    const agent = await agentForUpdate(tx, id);
    const at = new Date(deps.now());
    await tx.update(agents).set({ revokedAt: at, online: false }).where(eq(agents.id, id));
    await revokeKeys(tx, id, at);
    await recordAudit(tx, actor, "agent.revoke", agent.name);
  });
  await sendRevocations(deps);
  try {
    await bus.removeConsumer(id);
  } catch (error) {
    log.warn({ err: error, agent: id }, "the consumer of a revoked agent stays on the bus");
  }
}

async function agentForUpdate(tx: Database, id: string): Promise<typeof agents.$inferSelect> {
  const [agent] = await tx
    .select()
    .from(agents)
    .where(and(eq(agents.id, id), isNull(agents.revokedAt)))
    .for("update");
  if (!agent) throw new GalleyError("not_found", `There is no agent ${id}.`);
  return agent;
}

async function giveToken(tx: Database, { now }: AgentDeps, agent: string): Promise<NewToken> {
  const token = newToken("galley_agt_");
  const expiresAt = new Date(now() + unusedMs);
  await tx
    .insert(agentTokens)
    .values({ tokenHash: tokenHash(token), agentId: agent, createdAt: new Date(now()), expiresAt });
  return { agent, token, expiresAt };
}
