import { eq } from "drizzle-orm";
import type { z } from "zod";
import type { IncomingEvent } from "../../bus/index.js";
import type { deploymentEventSchema } from "../../events/index.js";
import {
  type DeploymentRow,
  endDeployment,
  failures,
  isActive,
  isOutdated,
  outcomeFits,
  refreshEnvironment,
  stateAfter,
} from "../deployments/index.js";
import { type Database, deployments } from "../store/index.js";

type DeploymentEvent = z.infer<typeof deploymentEventSchema>;
type Finished = Extract<DeploymentEvent, { type: "deployment.finished" }>;

/**
 * Moves a deployment by events that were stored just now, each once and in order. The caller holds the environment's row. Resolves
 * with whether the deployment has come to an end by them.
 */
export async function applyEvents(
  tx: Database,
  row: DeploymentRow,
  events: readonly IncomingEvent[],
  now: Date,
): Promise<{ ended: boolean }> {
  let current = row;
  let ended = false;
  const update = async (change: Partial<DeploymentRow>) => {
    current = { ...current, ...change };
    await tx.update(deployments).set(change).where(eq(deployments.id, row.id));
  };
  for (const stored of events) {
    const event = stored as unknown as DeploymentEvent;
    if (event.type === "deployment.source") {
      const { commit, subject, author, fork: asFork = null } = event;
      await update({ commit, subject, author, asFork });
    } else if (event.type === "deployment.plan") await update({ plan: event.services });
    else if (event.type === "deployment.state") {
      const next = stateAfter(await situation(tx, current), { type: "state", state: event.state });
      if (next === null) continue;
      // One that was given up and goes on is open again.
      await update({ state: next, finishedAt: null, presumed: false, error: null });
      await refreshEnvironment(tx, row.environmentId, now);
    } else if (event.type === "deployment.finished") {
      await update({ lastSeq: event.seq });
      if (!(await finish(tx, current, event, now))) continue;
      current = { ...current, ...(await reread(tx, row.id)) };
      ended = true;
    }
  }
  await update({ heardAt: now });
  return { ended };
}

async function finish(tx: Database, row: DeploymentRow, event: Finished, now: Date): Promise<boolean> {
  const next = stateAfter(await situation(tx, row), { type: "finished", outcome: event.outcome });
  if (next === null || next === "queued" || isActive(next)) return false;
  const { commit, services, duration, url } = event;
  await tx
    .update(deployments)
    .set({ services, duration: Math.min(duration, 2 ** 31 - 1), ...(commit === null ? {} : { commit }) })
    .where(eq(deployments.id, row.id));
  const error = outcomeFits(row.kind, event.outcome) ? event.error : failures.bus_message_invalid();
  await endDeployment(
    tx,
    row,
    { state: next, url: next === "running" ? url : null, error: next === "failed" ? error : null },
    now,
  );
  return true;
}

const situation = async (tx: Database, row: DeploymentRow) => ({
  ...row,
  // Only asked for where it matters: nearly always the deployment is open.
  outdated: row.presumed && (await isOutdated(tx, row)),
});

async function reread(tx: Database, id: string): Promise<DeploymentRow> {
  const [row] = await tx.select().from(deployments).where(eq(deployments.id, id));
  return row as DeploymentRow;
}
