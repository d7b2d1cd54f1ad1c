import { eq } from "drizzle-orm";
import { endDeployment } from "../deployments/end.js";
import { type DeploymentRow, lockDeployment, refreshEnvironment } from "../deployments/rows.js";
import { isActive } from "../deployments/states.js";
import { deployments, environments } from "../store/index.js";
import type { QueueDeps } from "./deps.js";
import { removeJobs } from "./publish.js";

/**
 * Puts a deployment that is under way back among those that wait, for whichever agent is there: the one that had it has ended its attempt
 * half-way and drains. One that was to be cancelled is at its end. Resolves with whether it was done; a caller then looks for an agent.
 *
 * An environment that serves stays with its agent, as caches and volumes lie there: its deployment waits until that agent is back, or is
 * given up. Of one that does not serve the next agent takes over everything, and what the first had begun is removed by its `sync`.
 *
 * @param holds looks at the row once it is held
 */
export async function takeBack(
  deps: QueueDeps,
  id: string,
  holds: (row: DeploymentRow) => boolean,
): Promise<boolean> {
  const now = new Date(deps.now());
  const taken = await deps.db.transaction(async (tx) => {
    const found = await lockDeployment(tx, id);
    if (!found || !isActive(found.deployment.state) || !holds(found.deployment)) return undefined;
    const { deployment, environment } = found;
    if (deployment.cancelReason !== null) {
      await endDeployment(tx, deployment, { state: deployment.cancelReason }, now);
      return deployment;
    }
    await tx
      .update(deployments)
      .set({
        state: "queued",
        agentId: null,
        publishedAt: null,
        jobSeq: null,
        handBacks: deployment.handBacks + 1,
        handedBackAt: now,
      })
      .where(eq(deployments.id, id));
    if (deployment.kind === "deploy" && environment.deploymentId === null)
      await tx.update(environments).set({ agentId: null }).where(eq(environments.id, environment.id));
    await refreshEnvironment(tx, environment.id, now);
    return deployment;
  });
  if (!taken) return false;
  deps.log.info(
    { deployment: id, agent: taken.agentId, attempt: taken.attempt },
    "a deployment was handed back",
  );
  deps.notices.changed(id);
  await removeJobs(deps, [taken.jobSeq]);
  return true;
}
