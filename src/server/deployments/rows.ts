import { and, desc, eq, inArray, isNull, ne, sql } from "drizzle-orm";
import { type Database, deployments, environments } from "../store/index.js";
import { environmentState } from "./environment-state.js";
import { activeStates } from "./states.js";

export type DeploymentRow = typeof deployments.$inferSelect;
export type EnvironmentRow = typeof environments.$inferSelect;

/**
 * Everything that changes deployments does so in a transaction that holds the row of their environment: one at a time, on every
 * server. (PGlite has one connection and would do with less; Postgres does not.)
 */
export async function lockEnvironment(tx: Database, id: string): Promise<EnvironmentRow | undefined> {
  const [row] = await tx.select().from(environments).where(eq(environments.id, id)).for("update");
  return row;
}

/** The deployment and its environment, both held until the end of the transaction. */
export async function lockDeployment(
  tx: Database,
  id: string,
): Promise<{ deployment: DeploymentRow; environment: EnvironmentRow } | undefined> {
  // Always the environment first, so that two who want the same rows never wait for each other.
  const itsEnvironment = tx
    .select({ id: deployments.environmentId })
    .from(deployments)
    .where(eq(deployments.id, id));
  const [environment] = await tx
    .select()
    .from(environments)
    .where(eq(environments.id, itsEnvironment))
    .for("update");
  if (!environment) return undefined;
  const [deployment] = await tx.select().from(deployments).where(eq(deployments.id, id));
  return deployment && { deployment, environment };
}

/** Those of an environment that are not final, by number. */
export const openDeployments = (tx: Database, environment: string): Promise<DeploymentRow[]> =>
  tx
    .select()
    .from(deployments)
    .where(and(eq(deployments.environmentId, environment), isNull(deployments.finishedAt)))
    .orderBy(deployments.number);

/** The one that is under way in an environment, if any. */
export async function activeDeployment(
  tx: Database,
  environment: string,
): Promise<DeploymentRow | undefined> {
  const [row] = await tx
    .select()
    .from(deployments)
    .where(and(eq(deployments.environmentId, environment), inArray(deployments.state, [...activeStates])));
  return row;
}

/** Whether something was requested for the environment after the deployment. */
export async function isOutdated(tx: Database, { environmentId, number }: DeploymentRow): Promise<boolean> {
  const [newer] = await tx
    .select({ id: deployments.id })
    .from(deployments)
    .where(and(eq(deployments.environmentId, environmentId), sql`${deployments.number} > ${number}`))
    .limit(1);
  return newer !== undefined;
}

/** Writes what the environment is now, after a deployment of it changed, and whose it is if that has changed with it. */
export async function refreshEnvironment(
  tx: Database,
  id: string,
  now: Date,
  change: Partial<Pick<EnvironmentRow, "agentId">> = {},
): Promise<void> {
  const counts = and(eq(deployments.environmentId, environments.id), ne(deployments.state, "superseded"));
  const [found] = await tx
    .select({
      kind: deployments.kind,
      state: deployments.state,
      deploymentId: environments.deploymentId,
      hibernatedAt: environments.hibernatedAt,
    })
    .from(environments)
    .leftJoin(deployments, counts)
    .where(eq(environments.id, id))
    .orderBy(desc(deployments.number))
    .limit(1);
  if (!found) return;
  const { kind, state: newest } = found;
  const serving = found.deploymentId !== null;
  const hibernated = found.hibernatedAt !== null;
  const unused = serving ? "running" : "pending";
  const state =
    kind !== null && newest !== null
      ? environmentState({ kind, state: newest }, serving, hibernated)
      : unused;
  await tx
    .update(environments)
    .set({ ...change, state, updatedAt: now })
    .where(eq(environments.id, id));
}
