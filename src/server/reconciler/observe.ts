import { eq, isNull, ne, or, sql } from "drizzle-orm";
import { agents, type Database, deployments, environments, projects } from "../store/index.js";
import type { JobsState, OpenDeployment, SeenAgent, SeenEnvironment } from "./reconcile.js";

/** What of the stream one agent sees; undefined: it has no consumer. */
export interface AgentJobs {
  /** Deployments whose job the stream has. */
  readonly stored: readonly string[];
  readonly pending: number;
  readonly unacked: number;
}

/** Rejects with `bus_unreachable`. */
export type InspectJobs = (agent: string) => Promise<AgentJobs | undefined>;

export interface Observed {
  readonly deployments: readonly (OpenDeployment & { readonly publishes: number })[];
  readonly agents: readonly SeenAgent[];
  readonly environments: readonly SeenEnvironment[];
}

/**
 * Everything that is open, and everybody who may have to do with it.
 *
 * @param idleMs for projects that say nothing else
 */
export async function observeDatabase(db: Database, idleMs: number): Promise<Observed> {
  const [open, seen, wanted] = [
    await db.select().from(deployments).where(isNull(deployments.finishedAt)),
    await db
      .select()
      .from(agents)
      .where(
        or(
          isNull(agents.revokedAt),
          sql`${agents.online}`,
          sql`exists (select 1 from deployments d where d.agent_id = ${agents.id} and d.finished_at is null)`,
        ),
      ),
    await db
      .select({ environment: environments, idleSeconds: projects.idleSeconds })
      .from(environments)
      .innerJoin(projects, eq(projects.id, environments.projectId))
      .where(ne(environments.desired, "down")),
  ];
  const busy = new Set(open.map(({ environmentId }) => environmentId));
  return {
    deployments: open.map((row) => ({
      ...row,
      agent: row.agentId,
      waitsSince: (row.handedBackAt ?? row.createdAt).getTime(),
      publishedAt: row.publishedAt?.getTime() ?? null,
      heardAt: row.heardAt?.getTime() ?? null,
      cancelRequestedAt: row.cancelRequestedAt?.getTime() ?? null,
    })),
    agents: seen.map((row) => ({
      ...row,
      revoked: row.revokedAt !== null,
      seenAt: row.seenAt?.getTime() ?? null,
    })),
    environments: wanted.map(({ environment: row, idleSeconds }) => ({
      id: row.id,
      pinned: row.pinned,
      expiresAt: row.expiresAt?.getTime() ?? null,
      busy: busy.has(row.id),
      agent: row.agentId,
      awake: row.desired === "up" && row.deploymentId !== null && row.hibernatedAt === null,
      lastRequestAt: row.lastRequestAt?.getTime() ?? null,
      idleMs: idleSeconds === null ? idleMs : idleSeconds * 1000,
    })),
  };
}

/** What the bus has for each agent; rejects when it is away. */
export async function observeJobs(inspect: InspectJobs, seen: readonly SeenAgent[]): Promise<JobsState> {
  const stored = new Set<string>();
  const consumers = new Map<string, { pending: number; unacked: number }>();
  for (const { id, revoked } of seen) {
    if (revoked) continue;
    const jobs = await inspect(id);
    if (jobs === undefined) continue;
    for (const deployment of jobs.stored) stored.add(deployment);
    consumers.set(id, { pending: jobs.pending, unacked: jobs.unacked });
  }
  return { stored, consumers };
}
