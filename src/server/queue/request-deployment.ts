import { and, eq, inArray, sql } from "drizzle-orm";
import { GalleyError } from "../../errors/index.js";
import { renewedExpiry } from "../deployments/expiry.js";
import { failures } from "../deployments/failures.js";
import {
  type DeploymentRow,
  type EnvironmentRow,
  openDeployments,
  refreshEnvironment,
} from "../deployments/rows.js";
import type { DeploymentKind } from "../deployments/states.js";
import { type Database, deployments, environments, newId, projects } from "../store/index.js";
import { decideOnRequest } from "./decide-on-request.js";
import type { QueueDeps } from "./deps.js";
import { dispatchQueued } from "./dispatch.js";
import { removeJobs } from "./publish.js";

export interface DeploymentRequest {
  /** Id. */
  readonly project: string;
  /** Made if it is not there. */
  readonly environment: { readonly name: string; readonly pr: number | null };
  readonly kind: DeploymentKind;
  readonly ref: string;
  /** Null: what `ref` is when it is fetched. */
  readonly commit: string | null;
  /** False: everything is built anew. */
  readonly useCache: boolean;
  /** The code is a fork's, or it is not; null: the agent finds out. */
  readonly fork: boolean | null;
  /** For people. */
  readonly requestedBy: string;
}

interface Written {
  readonly deployment: DeploymentRow;
  readonly joined: boolean;
  readonly superseded: readonly DeploymentRow[];
  readonly cancelled: readonly DeploymentRow[];
}

/**
 * Asks for a deployment, or for an environment to be taken down; the latest request wins. It is in the database when this resolves,
 * and goes to an agent as soon as one is free: a crash in between delays it, and loses nothing.
 *
 * `also` runs in the same transaction, for the audit log.
 */
export async function requestDeployment(
  deps: QueueDeps,
  request: DeploymentRequest,
  also?: (tx: Database, deployment: DeploymentRow) => Promise<void>,
): Promise<{ deployment: DeploymentRow; joined: boolean }> {
  const written = await deps.db.transaction(async (tx) => {
    const result = await write(tx, deps, request);
    await also?.(tx, result.deployment);
    return result;
  });
  const { deployment, joined, superseded, cancelled } = written;
  for (const { id } of [...superseded, ...cancelled]) deps.notices.changed(id);
  for (const { id, agentId } of cancelled)
    if (agentId !== null)
      deps.jobs.command(agentId, { v: 1, type: "cancel", deployment: id, reason: "superseded" });
  await removeJobs(
    deps,
    superseded.map(({ jobSeq }) => jobSeq),
  );
  await dispatchQueued(deps);
  return { deployment, joined };
}

async function write(tx: Database, deps: QueueDeps, request: DeploymentRequest): Promise<Written> {
  const now = new Date(deps.now());
  const { ttlSeconds } = await holdProject(tx, request.project);
  const environment = await upsertEnvironment(tx, request, now);
  const open = await openDeployments(tx, environment.id);
  const decision = decideOnRequest(open, request.kind, environment.agentId !== null);
  const superseded = await changeAll(tx, decision.supersede, {
    state: "superseded",
    finishedAt: now,
    error: failures.superseded(),
  });
  const cancelled = await changeAll(tx, decision.cancel, {
    cancelReason: "superseded",
    cancelRequestedAt: now,
  });
  const joined = open.find(({ id }) => id === decision.join);
  const deployment = joined ?? (await insert(tx, request, environment, decision.done, now));
  await tx
    .update(environments)
    .set(
      request.kind === "deploy"
        ? {
            desired: "up",
            expiresAt: renewedExpiry(environment.expiresAt, { ttlSeconds, ...deps.settings }, now),
          }
        : { desired: "down" },
    )
    .where(eq(environments.id, environment.id));
  await refreshEnvironment(tx, environment.id, now);
  return { deployment, joined: joined !== undefined, superseded, cancelled };
}

/** First, as who deletes a project holds it before its environments. */
async function holdProject(tx: Database, id: string): Promise<{ ttlSeconds: number | null }> {
  const [held] = await tx
    .select({ ttlSeconds: projects.ttlSeconds })
    .from(projects)
    .where(eq(projects.id, id))
    .for("key share");
  if (!held) throw new GalleyError("not_found", "The project is gone.");
  return held;
}

/** Holds the environment's row from here on. */
async function upsertEnvironment(
  tx: Database,
  { project, environment: { name, pr } }: DeploymentRequest,
  now: Date,
): Promise<EnvironmentRow> {
  const [row] = await tx
    .insert(environments)
    .values({ id: newId("env"), projectId: project, name, pr, createdAt: now, updatedAt: now })
    .onConflictDoUpdate({ target: [environments.projectId, environments.name], set: { updatedAt: now } })
    .returning();
  return row as EnvironmentRow;
}

const changeAll = async (
  tx: Database,
  ids: readonly string[],
  change: Partial<DeploymentRow>,
): Promise<DeploymentRow[]> =>
  ids.length === 0
    ? []
    : tx
        .update(deployments)
        .set(change)
        .where(and(inArray(deployments.id, [...ids])))
        .returning();

async function insert(
  tx: Database,
  request: DeploymentRequest,
  environment: EnvironmentRow,
  done: boolean,
  now: Date,
): Promise<DeploymentRow> {
  const { kind, ref, commit, useCache, fork, requestedBy } = request;
  const [row] = await tx
    .insert(deployments)
    .values({
      id: newId("dep"),
      projectId: request.project,
      environmentId: environment.id,
      number: sql<number>`(select coalesce(max(number), 0) + 1 from deployments where environment_id = ${environment.id})`,
      kind,
      state: done ? "terminated" : "queued",
      finishedAt: done ? now : null,
      ref,
      commit,
      useCache,
      fork,
      requestedBy,
      createdAt: now,
    })
    .returning();
  return row as DeploymentRow;
}
