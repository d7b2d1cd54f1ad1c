import { eq } from "drizzle-orm";
import { verifyAgentSignature } from "../../bus/index.js";
import { GalleyError, type GalleyErrorCode } from "../../errors/index.js";
import { recordAudit } from "../audit/index.js";
import { tokenHash } from "../secrets/index.js";
import { agentKeys, agents, agentTokens, type Database } from "../store/index.js";
import { type Credential, issueFor, revokeKeys, sendRevocations } from "./credentials.js";
import type { AgentDeps } from "./deps.js";

export interface Admitted extends Credential {
  readonly agent: { readonly id: string; readonly name: string };
}

/** Who asks, for the audit log. */
interface Caller {
  readonly address: string;
  readonly requestId: string;
}

/**
 * Exchanges a bootstrap token for a credential bound to a key that the agent has made. A key that the agent had before is revoked:
 * there is one process of an agent. Throws `agent_token_unknown`, `agent_token_expired`, `agent_token_rotated`, `agent_revoked`,
 * each with where to get a new token, and `invalid_request` for a key that cannot be used.
 */
export async function bootstrap(
  deps: AgentDeps,
  caller: Caller,
  { token, publicKey, version }: { token: string; publicKey: string; version: string },
): Promise<Admitted> {
  const now = new Date(deps.now());
  const admitted = await deps.db.transaction(async (tx) => {
    const [found] = await tx
      .select({ token: agentTokens, agent: agents })
      .from(agentTokens)
      .innerJoin(agents, eq(agents.id, agentTokens.agentId))
      .where(eq(agentTokens.tokenHash, tokenHash(token)))
      .for("update");
    const refusal = refusalOf(found, now);
    if (found === undefined || refusal !== undefined) throw refuse(deps, refusal ?? "agent_token_unknown");
    const { agent } = found;
    await checkKey(tx, agent.id, publicKey);
    const credential = await issueFor(tx, deps, agent.id, publicKey);
    await revokeKeys(tx, agent.id, now, publicKey);
    await tx
      .update(agentTokens)
      .set({ usedAt: found.token.usedAt ?? now })
      .where(eq(agentTokens.tokenHash, found.token.tokenHash));
    await tx.update(agents).set({ version }).where(eq(agents.id, agent.id));
    const actor = { kind: "agent" as const, id: agent.id, name: agent.name, ...caller };
    await recordAudit(tx, actor, "agent.bootstrap", agent.name);
    return { ...credential, agent: { id: agent.id, name: agent.name } };
  });
  await sendRevocations(deps);
  return admitted;
}

type Found = { token: typeof agentTokens.$inferSelect; agent: typeof agents.$inferSelect };
type Refusal = Extract<GalleyErrorCode, `agent_token_${string}` | "agent_revoked">;

function refusalOf(found: Found | undefined, now: Date): Refusal | undefined {
  if (found === undefined) return "agent_token_unknown";
  const { token, agent } = found;
  if (agent.revokedAt !== null) return "agent_revoked";
  if (token.replacedAt !== null) return "agent_token_rotated";
  // One that was used stays good for its agent, whose disk may be lost.
  return token.usedAt === null && token.expiresAt <= now ? "agent_token_expired" : undefined;
}

const sentences: Record<Refusal, string> = {
  agent_token_unknown: "No agent has this bootstrap token.",
  agent_token_expired: "The bootstrap token was not used within seven days and has expired.",
  agent_token_rotated: "The agent was given a newer bootstrap token.",
  agent_revoked: "The agent was revoked.",
};

function refuse({ publicUrl }: AgentDeps, code: Refusal): GalleyError {
  const command = code === "agent_revoked" || code === "agent_token_unknown" ? "new NAME" : "rotate NAME";
  return new GalleyError(code, sentences[code], {
    hint: `Get a new token with \`galley agent ${command}\` or at ${publicUrl.origin}, and set GALLEY_AGENT_TOKEN to it.`,
  });
}

/** A key belongs to one agent, and one that was revoked stays so: credentials are told apart by seconds, keys are cheap. */
async function checkKey(tx: Database, agent: string, publicKey: string): Promise<void> {
  const [key] = await tx.select().from(agentKeys).where(eq(agentKeys.publicKey, publicKey));
  if (key && (key.agentId !== agent || key.revokedAt !== null))
    throw new GalleyError("invalid_request", "The key was used before.", { hint: "Make a new key pair." });
}

/** A renewal may be on its way for so long; later it could be somebody's recording. */
const freshMs = 60_000;

export interface Renewal {
  readonly agent: string;
  readonly publicKey: string;
  /** When it was signed, RFC 3339. */
  readonly at: string;
  /** By the key, base64url, over {@link renewalText}. */
  readonly signature: string;
}

export const renewalText = ({ agent, publicKey, at }: Omit<Renewal, "signature">): string =>
  `galley-renew\n${agent}\n${publicKey}\n${at}`;

/**
 * A new credential for the key that the agent holds, which it proves by a signature. Throws `unauthorized` for a signature that is
 * wrong or old, and `agent_revoked`.
 */
export async function renew(deps: AgentDeps, renewal: Renewal): Promise<Admitted> {
  const { agent: id, publicKey } = renewal;
  const age = Math.abs(deps.now() - Date.parse(renewal.at));
  const genuine = verifyAgentSignature(publicKey, renewalText(renewal), renewal.signature);
  if (!genuine || !(age <= freshMs))
    throw new GalleyError("unauthorized", "The renewal is not signed by the agent's key, or too long ago.", {
      hint: "See that the clocks of agent and server agree.",
    });
  return deps.db.transaction(async (tx) => {
    const [found] = await tx
      .select({ key: agentKeys, agent: agents })
      .from(agentKeys)
      .innerJoin(agents, eq(agents.id, agentKeys.agentId))
      .where(eq(agentKeys.publicKey, publicKey))
      .for("update");
    if (found?.agent.id !== id)
      throw new GalleyError("unauthorized", "The agent does not have this key.", {
        hint: "Introduce it with its bootstrap token: set GALLEY_AGENT_TOKEN.",
      });
    if (found.agent.revokedAt !== null) throw refuse(deps, "agent_revoked");
    if (found.key.revokedAt !== null)
      throw new GalleyError("agent_revoked", "The key was revoked when the agent was introduced anew.", {
        hint: "Only one process may be an agent. If this should be the one, delete its data directory and start it with the bootstrap token.",
      });
    const credential = await issueFor(tx, deps, id, publicKey);
    return { ...credential, agent: { id, name: found.agent.name } };
  });
}
