import { eq } from "drizzle-orm";
import { GalleyError } from "../../errors/index.js";
import { endDeployment } from "../deployments/end.js";
import { type DeploymentRow, lockDeployment } from "../deployments/rows.js";
import { isFinal } from "../deployments/states.js";
import { type Database, deployments, environments } from "../store/index.js";
import type { QueueDeps } from "./deps.js";
import { dispatchQueued } from "./dispatch.js";
import { removeJobs } from "./publish.js";

/**
 * Cancels a deployment: a queued one at once, one under way when its agent says so. Asked again, it tells the agent again. Resolves
 * with the deployment as it is then. Throws `not_found`, and `conflict` when it has ended or takes an environment down already.
 *
 * `also` runs in the same transaction, for the audit log.
 */
export async function cancelDeployment(
  deps: QueueDeps,
  id: string,
  also?: (tx: Database) => Promise<void>,
): Promise<DeploymentRow> {
  const { before, after } = await deps.db.transaction(async (tx) => {
    const found = await lockDeployment(tx, id);
    if (!found) throw new GalleyError("not_found", `There is no deployment ${id}.`);
    const { deployment } = found;
    const now = new Date(deps.now());
    if (isFinal(deployment.state))
      throw new GalleyError("conflict", `The deployment has ended: it is ${deployment.state}.`);
    if (deployment.state === "queued") {
      await endDeployment(tx, deployment, { state: "cancelled" }, now);
      if (deployment.kind === "terminate")
        await tx.update(environments).set({ desired: "up" }).where(eq(environments.id, found.environment.id));
    } else {
      if (deployment.kind === "terminate")
        throw new GalleyError(
          "conflict",
          "The environment is being taken down, which cannot be stopped half-way.",
        );
      await tx
        .update(deployments)
        .set({ cancelReason: deployment.cancelReason ?? "cancelled", cancelRequestedAt: now })
        .where(eq(deployments.id, id));
    }
    await also?.(tx);
    const [after] = await tx.select().from(deployments).where(eq(deployments.id, id));
    return { before: deployment, after: after as DeploymentRow };
  });
  deps.notices.changed(id);
  if (before.state === "queued") {
    await removeJobs(deps, [before.jobSeq]);
    if (before.agentId !== null) await dispatchQueued(deps);
  } else if (after.agentId !== null && after.cancelReason !== null)
    deps.jobs.command(after.agentId, {
      v: 1,
      type: "cancel",
      deployment: id,
      reason: after.cancelReason,
    });
  return after;
}
