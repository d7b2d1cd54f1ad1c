import { and, eq, lt } from "drizzle-orm";
import { type Database, deployments, environments } from "../store/index.js";
import { type DeploymentRow, refreshEnvironment } from "./rows.js";
import type { DeploymentState } from "./states.js";

export type DeploymentError = NonNullable<DeploymentRow["error"]>;

export interface End {
  readonly state: Extract<DeploymentState, "running" | "terminated" | "failed" | "cancelled" | "superseded">;
  readonly error?: DeploymentError | null;
  /** Without the agent's word. */
  readonly presumed?: boolean;
  readonly url?: string | null;
}

/**
 * Writes the end of a deployment and what it means for its environment. The caller holds the environment's row.
 *
 * `running`: its containers serve, and those of the one before do not any more. `terminated`: none do, and no agent holds
 * anything. The others leave what served serving.
 */
export async function endDeployment(tx: Database, row: DeploymentRow, end: End, now: Date): Promise<void> {
  const { environmentId } = row;
  await tx
    .update(deployments)
    .set({
      state: end.state,
      finishedAt: now,
      presumed: end.presumed ?? false,
      error: end.error ?? null,
      url: end.url ?? null,
    })
    .where(eq(deployments.id, row.id));
  if (end.state === "running" || end.state === "terminated") {
    await tx
      .update(deployments)
      .set({ state: "superseded" })
      .where(
        and(
          eq(deployments.environmentId, environmentId),
          eq(deployments.state, "running"),
          lt(deployments.number, row.number),
        ),
      );
    await tx
      .update(environments)
      .set(
        end.state === "running"
          ? {
              deploymentId: row.id,
              url: end.url ?? null,
              agentId: row.agentId,
              missingSince: null,
              // It counts as asked for: nobody can have been there before.
              lastRequestAt: now,
              hibernatedAt: null,
              lifeError: null,
            }
          : {
              deploymentId: null,
              url: null,
              agentId: null,
              missingSince: null,
              pinned: false,
              expiresAt: null,
              hibernatedAt: null,
              lifeError: null,
            },
      )
      .where(eq(environments.id, environmentId));
  }
  await refreshEnvironment(tx, environmentId, now);
}
