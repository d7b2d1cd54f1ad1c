import { and, eq, ne } from "drizzle-orm";
import type { AgentBus } from "../agents/index.js";
import { endDeployment, failures, isActive, isFinal, lockDeployment } from "../deployments/index.js";
import { expireEnvironment, hibernateIdle } from "../life/index.js";
import { dispatchQueued, publishJob, type QueueDeps, takeBack } from "../queue/index.js";
import { agents, deployments } from "../store/index.js";
import type { Observed } from "./observe.js";
import type { Action, OpenDeployment } from "./reconcile.js";

export interface ActDeps extends QueueDeps {
  readonly bus: Pick<AgentBus, "ensureConsumer">;
  /** Makes a consumer anew that delivers nothing though there is something. */
  readonly repairConsumer: (agent: string) => Promise<void>;
}

/**
 * Does what `reconcile` has decided. Each action looks again whether what it was decided upon still holds, as time has passed and
 * other servers decide the same. Resolves with whether anything was done that may have freed a slot.
 */
export async function act(deps: ActDeps, action: Action, observed: Observed): Promise<boolean> {
  const { db, jobs } = deps;
  switch (action.type) {
    case "online":
    case "offline": {
      const online = action.type === "online";
      const changed = await db
        .update(agents)
        .set({ online })
        .where(
          and(eq(agents.id, action.agent), ne(agents.online, online), ...unseenSince(action.agent, observed)),
        )
        .returning({ id: agents.id });
      return changed.length > 0;
    }
    case "fail":
      return end(deps, action.deployment, observed, {
        state: "failed",
        error: failures[action.code](),
        // Nobody else can speak of what nobody has claimed.
        presumed: action.code === "agent_lost_contact",
      });
    case "settle":
      return end(deps, action.deployment, observed, { state: "cancelled", presumed: true });
    case "publish": {
      const seen = observed.deployments.find(({ id }) => id === action.deployment);
      if (seen) await publishJob(deps, action.deployment, seen.publishes);
      return false;
    }
    case "unassign":
      return unassign(deps, action.deployment, observed);
    case "take-back": {
      const seen = observed.deployments.find(({ id }) => id === action.deployment);
      return seen !== undefined && takeBack(deps, action.deployment, (row) => unchanged(row, seen));
    }
    case "cancel":
      jobs.command(action.agent, {
        v: 1,
        type: "cancel",
        deployment: action.deployment,
        reason: action.reason,
      });
      return false;
    case "sync":
      jobs.command(action.agent, { v: 1, type: "sync" });
      return false;
    case "consumer":
      await deps.bus.ensureConsumer(action.agent);
      await deps.repairConsumer(action.agent);
      return false;
    case "expire":
      await expireEnvironment(deps, action.environment);
      return false;
    case "hibernate": {
      const seen = observed.environments.find(({ id }) => id === action.environment);
      if (seen) await hibernateIdle(deps, action.environment, seen.lastRequestAt);
      return false;
    }
    case "dispatch":
      await dispatchQueued(deps);
      return false;
  }
}

/** A heartbeat that came since the look says more than the look. */
function unseenSince(agent: string, { agents: seen }: Observed) {
  const seenAt = seen.find(({ id }) => id === agent)?.seenAt;
  return seenAt == null ? [] : [eq(agents.seenAt, new Date(seenAt))];
}

async function end(
  deps: ActDeps,
  id: string,
  observed: Observed,
  how: Parameters<typeof endDeployment>[2],
): Promise<boolean> {
  const seen = observed.deployments.find((deployment) => deployment.id === id);
  const ended = await deps.db.transaction(async (tx) => {
    const found = await lockDeployment(tx, id);
    if (!found || !seen || !unchanged(found.deployment, seen)) return false;
    const { deployment } = found;
    const state = how.state === "cancelled" ? (deployment.cancelReason ?? "cancelled") : how.state;
    await endDeployment(tx, deployment, { ...how, state }, new Date(deps.now()));
    return true;
  });
  if (ended) {
    deps.log.warn({ deployment: id, state: how.state, code: how.error?.code }, "a deployment was ended");
    deps.notices.changed(id);
  }
  return ended;
}

/** Nothing was heard of it, and nobody has claimed or ended it, since it was looked at. */
function unchanged(
  now: { state: OpenDeployment["state"]; attempt: number; heardAt: Date | null; cancelReason: string | null },
  seen: OpenDeployment,
): boolean {
  return (
    !isFinal(now.state) &&
    now.attempt === seen.attempt &&
    (now.heardAt?.getTime() ?? null) === seen.heardAt &&
    now.cancelReason === seen.cancelReason
  );
}

async function unassign(deps: ActDeps, id: string, observed: Observed): Promise<boolean> {
  const seen = observed.deployments.find((deployment) => deployment.id === id);
  const taken = await deps.db.transaction(async (tx) => {
    const found = await lockDeployment(tx, id);
    // It may have been given to another one since.
    if (!found || found.deployment.agentId === null || found.deployment.agentId !== seen?.agent)
      return undefined;
    const { deployment } = found;
    if (isActive(deployment.state) || isFinal(deployment.state)) return undefined;
    await tx.update(deployments).set({ agentId: null, publishedAt: null }).where(eq(deployments.id, id));
    return deployment;
  });
  if (taken && taken.jobSeq !== null)
    await deps.jobs
      .remove(taken.jobSeq)
      .catch((error: unknown) => deps.log.debug({ err: error }, "a job stays in the stream"));
  return taken !== undefined;
}
