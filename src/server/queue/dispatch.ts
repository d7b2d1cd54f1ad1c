import { and, eq, isNull, sql } from "drizzle-orm";
import { endDeployment } from "../deployments/end.js";
import { activeDeployment, lockDeployment } from "../deployments/rows.js";
import { agents, type Database, deployments, environments } from "../store/index.js";
import { type Candidate, chooseAgent } from "./choose-agent.js";
import type { QueueDeps } from "./deps.js";
import { publishJob } from "./publish.js";

/** Of an advisory lock, "disp": slots are counted and given away by one transaction at a time. */
const dispatchLock = sql`select pg_advisory_xact_lock(1684632432)`;

/** Most deployments that one run looks at; the rest has its turn with the next. */
const batch = 200;

/**
 * Gives queued deployments to agents with a free slot, the oldest first, and publishes their jobs. Called when something was
 * queued, when a slot was freed, when an agent came, and by the reconciler.
 */
export async function dispatchQueued(deps: QueueDeps): Promise<void> {
  const waiting = await deps.db
    .select({ id: deployments.id, kind: deployments.kind, holder: environments.agentId })
    .from(deployments)
    .innerJoin(environments, eq(environments.id, deployments.environmentId))
    .where(
      and(
        eq(deployments.state, "queued"),
        isNull(deployments.agentId),
        sql`not exists (select 1 from deployments other where other.environment_id = ${deployments.environmentId}
          and other.finished_at is null and other.state <> 'queued')`,
      ),
    )
    .orderBy(deployments.createdAt, deployments.id)
    .limit(batch);
  // Where one has to wait, so has each after it that could go to the same agents: slots do not come free in here, and whoever frees one calls again.
  const busy = new Set<string>();
  for (const { id, kind, holder } of waiting) {
    const whither = JSON.stringify([kind, holder]);
    if (busy.has(whither)) continue;
    const given = await deps.db.transaction((tx) => assign(tx, deps, id));
    if (given === "done") deps.notices.changed(id);
    else if (given === "waits") busy.add(whither);
    else if (given !== undefined) await publishJob(deps, id, given);
  }
}

/**
 * Resolves with how often the job was published so far, `done` when there is nothing left to do, `waits` when nobody can take it now, undefined when it is not
 * to be given to anybody.
 */
async function assign(
  tx: Database,
  deps: QueueDeps,
  id: string,
): Promise<number | "done" | "waits" | undefined> {
  await tx.execute(dispatchLock);
  const found = await lockDeployment(tx, id);
  if (found?.deployment.state !== "queued" || found.deployment.agentId !== null) return undefined;
  const { deployment, environment } = found;
  if (await activeDeployment(tx, environment.id)) return undefined;
  const now = deps.now();
  const choice = chooseAgent({
    now,
    kind: deployment.kind,
    holder: environment.agentId,
    agents: await candidates(tx),
    goneMs: deps.settings.goneMs,
  });
  if ("wait" in choice) return "waits";
  if ("gone" in choice) {
    await endDeployment(tx, deployment, { state: "terminated", presumed: true }, new Date(now));
    return "done";
  }
  await tx
    .update(deployments)
    .set({ agentId: choice.agent, publishedAt: null })
    .where(eq(deployments.id, id));
  return deployment.publishes;
}

async function candidates(tx: Database): Promise<Candidate[]> {
  const rows = await tx
    .select({
      id: agents.id,
      revokedAt: agents.revokedAt,
      online: agents.online,
      draining: agents.draining,
      slots: agents.slots,
      seenAt: agents.seenAt,
      // The column by its whole name: drizzle leaves the table out of what is selected from one table.
      used: sql<number>`(select count(*)::int from deployments mine
        where mine.agent_id = agents.id and mine.finished_at is null)`,
    })
    .from(agents)
    .where(isNull(agents.revokedAt));
  return rows.map(({ revokedAt, seenAt, ...row }) => ({
    ...row,
    revoked: revokedAt !== null,
    seenAt: seenAt?.getTime() ?? null,
  }));
}
