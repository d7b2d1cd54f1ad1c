import { eq } from "drizzle-orm";
import type { ClaimReply, ClaimRequest, claimRefusals, Job } from "../../bus/index.js";
import { endDeployment } from "../deployments/end.js";
import { failures } from "../deployments/failures.js";
import {
  activeDeployment,
  type DeploymentRow,
  type EnvironmentRow,
  lockDeployment,
  refreshEnvironment,
} from "../deployments/rows.js";
import { isActive, isFinal } from "../deployments/states.js";
import { dispatchQueued } from "../queue/dispatch.js";
import type { QueueDeps } from "../queue/index.js";
import { agents, type Database, deployments } from "../store/index.js";

/** What of a job is the project's; secrets are in the clear. Throws `not_found` for a project that is gone. */
export type ProjectForJob = (
  db: Database,
  project: string,
) => Promise<Pick<Job, "project" | "env" | "secrets" | "registries" | "resources">>;

export interface ClaimDeps extends QueueDeps {
  readonly projectForJob: ProjectForJob;
  /** Where previews answer. */
  readonly ingress: Job["ingress"];
  /** Attempts at one deployment, after which it has failed. */
  readonly maxAttempts: number;
  /** Milliseconds from publish to claim. */
  readonly claimed?: (latency: number) => void;
}

/** Claims of a deployment that are remembered: more than it has attempts, if nobody hands it back all day. */
const mostClaims = 20;

type Refusal = (typeof claimRefusals)[number];
type Decided =
  | { readonly grant: DeploymentRow; readonly job: Job }
  | { readonly refuse: Refusal; readonly ended?: boolean };

/**
 * An agent wants to begin with a deployment. One transaction that holds the environment: of two claims one comes first, and each that is
 * granted has a number of its own, so that events of an earlier attempt can be told apart and dropped.
 *
 * A claim that is repeated, because the answer was lost, is granted the attempt that it was granted before; one that was overtaken by a
 * later claim is refused, as it would end what that one has begun.
 */
export async function claim(deps: ClaimDeps, agent: string, request: ClaimRequest): Promise<ClaimReply> {
  const id = request.deployment;
  const decided = await deps.db.transaction((tx) => decide(tx, deps, agent, request));
  if ("refuse" in decided) {
    if (decided.ended) {
      deps.notices.changed(id);
      await dispatchQueued(deps);
    }
    return { v: 1, granted: false, reason: decided.refuse };
  }
  deps.notices.changed(id);
  const { attempt, publishedAt } = decided.grant;
  if (attempt === 1 && publishedAt !== null) deps.claimed?.(Math.max(0, deps.now() - publishedAt.getTime()));
  return { v: 1, granted: true, attempt, job: decided.job };
}

async function decide(
  tx: Database,
  deps: ClaimDeps,
  agent: string,
  { deployment: id, claim }: ClaimRequest,
): Promise<Decided> {
  const found = await lockDeployment(tx, id);
  if (!found) return { refuse: "unknown" };
  const { deployment, environment } = found;
  const [claimant] = await tx
    .select({ revokedAt: agents.revokedAt, running: agents.running })
    .from(agents)
    .where(eq(agents.id, agent));
  if (!claimant || claimant.revokedAt !== null || deployment.agentId !== agent)
    return { refuse: "not_yours" };
  if (deployment.state === "superseded") return { refuse: "superseded" };
  if (deployment.state === "cancelled") return { refuse: "cancelled" };
  if (isFinal(deployment.state)) return { refuse: "finished" };

  const now = new Date(deps.now());
  const again = isActive(deployment.state) && deployment.claims.at(-1) === claim;
  if (!again && deployment.claims.includes(claim)) return { refuse: "stale" };
  // It asks for what it had: it does not have it any more, and there is nothing left to be cancelled.
  if (deployment.cancelReason !== null && !again) {
    const state = deployment.cancelReason;
    await endDeployment(
      tx,
      deployment,
      { state, error: state === "superseded" ? failures.superseded() : null },
      now,
    );
    return { refuse: state, ended: true };
  }
  const other = await activeDeployment(tx, environment.id);
  if (other && other.id !== id) {
    // Back to those that wait: the message is forgotten by the agent.
    await tx.update(deployments).set({ agentId: null, publishedAt: null }).where(eq(deployments.id, id));
    return { refuse: "busy" };
  }
  const attempt = again ? deployment.attempt : deployment.attempt + 1;
  if (attempt - deployment.handBacks > deps.maxAttempts) {
    await endDeployment(tx, deployment, { state: "failed", error: failures.too_many_attempts() }, now);
    return { refuse: "too_many_attempts", ended: true };
  }
  return grant(tx, deps, deployment, environment, { attempt, claim, again, now });
}

async function grant(
  tx: Database,
  deps: ClaimDeps,
  deployment: DeploymentRow,
  environment: EnvironmentRow,
  { attempt, claim, again, now }: { attempt: number; claim: string; again: boolean; now: Date },
): Promise<Decided> {
  const { id, projectId, agentId, kind, ref, commit, useCache, fork } = deployment;
  const { ingress, projectForJob } = deps;
  const change = {
    attempt,
    heardAt: now,
    // What the attempt before has told is not this one's.
    ...(again
      ? {}
      : {
          state: "claimed" as const,
          claims: [...deployment.claims, claim].slice(-mostClaims),
          claimedAt: now,
          plan: null,
          lastSeq: null,
        }),
  };
  await tx.update(deployments).set(change).where(eq(deployments.id, id));
  await refreshEnvironment(tx, environment.id, now, { agentId });
  const { name, pr } = environment;
  const job: Job = {
    ...(await projectForJob(tx, projectId)),
    kind,
    deployment: id,
    environment: { id: environment.id, name, pr },
    ref,
    ...(fork === null ? {} : { fork }),
    commit,
    useCache,
    ingress,
  };
  return { grant: { ...deployment, ...change }, job };
}
