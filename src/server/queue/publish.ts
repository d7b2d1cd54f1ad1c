import { and, eq, inArray, sql } from "drizzle-orm";
import { activeStates } from "../deployments/states.js";
import { deployments } from "../store/index.js";
import type { QueueDeps } from "./deps.js";

/**
 * Gives a deployment's job to the bus, each time as a new message. It is written down as published before: of several who see the
 * need, one acts. What then is not in the stream, because the bus was away or the server died, the reconciler finds and publishes
 * again. Resolves with whether the bus has it.
 *
 * @param expected how often it was published when the caller looked.
 */
export async function publishJob(deps: QueueDeps, id: string, expected: number): Promise<boolean> {
  const { db, jobs, log } = deps;
  const [row] = await db
    .update(deployments)
    .set({ publishes: expected + 1, publishedAt: new Date(deps.now()) })
    .where(
      and(
        eq(deployments.id, id),
        eq(deployments.publishes, expected),
        inArray(deployments.state, ["queued", ...activeStates]),
        sql`${deployments.agentId} is not null`,
      ),
    )
    .returning();
  if (!row?.agentId) return false;
  const lost = row.jobSeq;
  const set = (change: Partial<typeof row>) =>
    db
      .update(deployments)
      .set(change)
      .where(and(eq(deployments.id, id), eq(deployments.publishes, row.publishes)));
  try {
    const seq = await jobs.publish(row.agentId, { v: 1, deployment: id, kind: row.kind });
    await set({ jobSeq: seq });
    if (lost !== null && lost !== seq) await jobs.remove(lost);
    return true;
  } catch (error) {
    log.warn({ err: error, deployment: id }, "a job could not be published; it is tried again");
    await set({ publishedAt: null });
    return false;
  }
}

/** Takes jobs that nobody needs any more out of the stream. They would be refused at the claim, so that a failure does not matter. */
export async function removeJobs(deps: QueueDeps, seqs: readonly (number | null)[]): Promise<void> {
  for (const seq of seqs) {
    if (seq === null) continue;
    try {
      await deps.jobs.remove(seq);
    } catch (error) {
      deps.log.debug({ err: error, seq }, "a job that is not needed stays in the stream");
    }
  }
}
