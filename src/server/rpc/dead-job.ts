import { endDeployment, failures, isFinal, lockDeployment } from "../deployments/index.js";
import { dispatchQueued, type QueueDeps } from "../queue/index.js";

/** A job that was delivered as often as the bus does it: nobody will begin with it any more. */
export async function endDeadJob(deps: QueueDeps, agent: string, id: string): Promise<void> {
  const ended = await deps.db.transaction(async (tx) => {
    const found = await lockDeployment(tx, id);
    if (!found || isFinal(found.deployment.state) || found.deployment.agentId !== agent) return false;
    const { cancelReason } = found.deployment;
    await endDeployment(
      tx,
      found.deployment,
      cancelReason === null
        ? { state: "failed", error: failures.too_many_attempts() }
        : { state: cancelReason },
      new Date(deps.now()),
    );
    return true;
  });
  if (!ended) return;
  deps.log.warn({ deployment: id, agent }, "a job was delivered too often; its deployment has failed");
  deps.notices.changed(id);
  await dispatchQueued(deps);
}
