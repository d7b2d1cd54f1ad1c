import { and, desc, eq, inArray, isNull, lt, or, type SQL } from "drizzle-orm";
import { GalleyError } from "../../errors/index.js";
import { agents, type Database, deployments, environments, projects } from "../store/index.js";
import type { EnvironmentRow } from "./rows.js";
import type { DeploymentWithPlace } from "./views.js";

const selectDeployments = (db: Database) =>
  db
    .select({ deployment: deployments, environment: environments, project: projects.name })
    .from(deployments)
    .innerJoin(environments, eq(environments.id, deployments.environmentId))
    .innerJoin(projects, eq(projects.id, deployments.projectId))
    .$dynamic();

/** Throws `not_found`. */
export async function readDeployment(db: Database, id: string): Promise<DeploymentWithPlace> {
  const [row] = await selectDeployments(db).where(eq(deployments.id, id));
  if (!row) throw new GalleyError("not_found", `There is no deployment ${id}.`);
  return row;
}

/** The newest first. `before`: id of the last one of the page before. */
export async function listDeployments(
  db: Database,
  where: { readonly project?: string; readonly environment?: string },
  page: { readonly limit: number; readonly before?: string | undefined },
): Promise<DeploymentWithPlace[]> {
  const conditions: (SQL | undefined)[] = [];
  if (where.project !== undefined) conditions.push(eq(deployments.projectId, where.project));
  if (where.environment !== undefined) conditions.push(eq(deployments.environmentId, where.environment));
  if (page.before !== undefined) {
    const [last] = await db
      .select({ id: deployments.id, createdAt: deployments.createdAt })
      .from(deployments)
      .where(eq(deployments.id, page.before));
    if (!last) throw new GalleyError("not_found", `There is no deployment ${page.before}.`);
    conditions.push(
      or(
        lt(deployments.createdAt, last.createdAt),
        and(eq(deployments.createdAt, last.createdAt), lt(deployments.id, last.id)),
      ),
    );
  }
  return selectDeployments(db)
    .where(and(...conditions))
    .orderBy(desc(deployments.createdAt), desc(deployments.id))
    .limit(page.limit);
}

/** Id and name of a project by its name. Throws `not_found`. */
export async function projectByName(db: Database, name: string): Promise<{ id: string; name: string }> {
  const [row] = await db
    .select({ id: projects.id, name: projects.name })
    .from(projects)
    .where(eq(projects.name, name));
  if (!row) throw new GalleyError("not_found", `There is no project ${JSON.stringify(name)}.`);
  return row;
}

export interface EnvironmentWithPlace {
  readonly environment: EnvironmentRow;
  readonly project: string;
}

/** Throws `not_found`. */
export async function readEnvironment(db: Database, id: string): Promise<EnvironmentWithPlace> {
  const [row] = await db
    .select({ environment: environments, project: projects.name })
    .from(environments)
    .innerJoin(projects, eq(projects.id, environments.projectId))
    .where(eq(environments.id, id));
  if (!row) throw new GalleyError("not_found", `There is no environment ${id}.`);
  return row;
}

/** Those of a project, or all, by the time of their last change, at most 1,000. */
export const listEnvironments = (db: Database, project?: string): Promise<EnvironmentWithPlace[]> =>
  db
    .select({ environment: environments, project: projects.name })
    .from(environments)
    .innerJoin(projects, eq(projects.id, environments.projectId))
    .where(project === undefined ? undefined : eq(environments.projectId, project))
    .orderBy(desc(environments.updatedAt), desc(environments.id))
    .limit(1000);

/** The newest deployment of each environment, by the environment's id. */
export async function latestDeployments(
  db: Database,
  of: readonly string[],
): Promise<Map<string, DeploymentWithPlace>> {
  if (of.length === 0) return new Map();
  const newest = db
    .selectDistinctOn([deployments.environmentId], { id: deployments.id })
    .from(deployments)
    .where(inArray(deployments.environmentId, [...of]))
    .orderBy(deployments.environmentId, desc(deployments.number));
  const rows = await selectDeployments(db).where(inArray(deployments.id, newest));
  return new Map(rows.map((row) => [row.environment.id, row]));
}

/** Whether something of a project runs, waits, or may be left on an agent that could still take it down. */
export async function holdsOrRuns(db: Database, project: string): Promise<boolean> {
  const [open] = await db
    .select({ id: deployments.id })
    .from(deployments)
    .where(and(eq(deployments.projectId, project), isNull(deployments.finishedAt)))
    .limit(1);
  const [held] = await db
    .select({ id: environments.id })
    .from(environments)
    .innerJoin(agents, eq(agents.id, environments.agentId))
    .where(and(eq(environments.projectId, project), isNull(agents.revokedAt)))
    .limit(1);
  return open !== undefined || held !== undefined;
}
