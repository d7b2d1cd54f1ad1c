import { and, eq, inArray, isNotNull, isNull, ne, notExists, or } from "drizzle-orm";
import { alias } from "drizzle-orm/pg-core";
import type { SyncReply, SyncRequest } from "../../bus/index.js";
import {
  type DeploymentRow,
  type EnvironmentRow,
  failures,
  isFinal,
  isOutdated,
  lockEnvironment,
  openDeployments,
  refreshEnvironment,
} from "../deployments/index.js";
import { type MaskOf, noteRequests, noteRested } from "../life/index.js";
import { type QueueDeps, requestDeployment } from "../queue/index.js";
import { type Database, deployments, environments } from "../store/index.js";

/** An environment that its agent has not, twice in a row and so long apart, is gone; one look may be older than a deployment's end. */
const missingMs = 30_000;

/**
 * An agent tells what it has, and is told what of that should not be. What should be there and is not is written down as gone: the
 * database says what is.
 */
export async function sync(
  deps: QueueDeps & { readonly maskOf: MaskOf },
  agent: string,
  request: SyncRequest,
): Promise<SyncReply> {
  for (const rested of request.rested) await noteRested(deps, agent, rested);
  await noteRequests(deps, agent, request.active);
  return {
    v: 1,
    stop: await toStop(deps.db, agent, request.running),
    ...(await compareEnvironments(deps, agent, new Set(request.environments))),
    undo: await toUndo(deps.db, agent, request.deployments),
  };
}

/**
 * Those that ended without ever serving, as far as their words say: their agent was dead when they did, and has not taken back what it had begun.
 * Not while another is under way in the environment, which does.
 */
async function toUndo(db: Database, agent: string, ids: readonly string[]): Promise<SyncReply["undo"]> {
  if (ids.length === 0) return [];
  const { environmentId: environment, id: deployment, state, error } = deployments;
  // What served and was replaced is superseded, too, but without an error.
  const over = or(inArray(state, ["failed", "cancelled"]), and(eq(state, "superseded"), isNotNull(error)));
  const open = alias(deployments, "open");
  const underWay = db
    .select({ id: open.id })
    .from(open)
    .where(and(eq(open.environmentId, environment), isNull(open.finishedAt)));
  return await db
    .select({ environment, deployment })
    .from(deployments)
    .innerJoin(environments, eq(environments.id, environment))
    .where(
      and(
        inArray(deployment, [...ids]),
        over,
        eq(environments.agentId, agent),
        or(isNull(environments.deploymentId), ne(environments.deploymentId, deployment)),
        notExists(underWay),
      ),
    );
}

type Stop = SyncReply["stop"][number];

async function toStop(db: Database, agent: string, running: SyncRequest["running"]): Promise<Stop[]> {
  if (running.length === 0) return [];
  const rows = await db
    .select()
    .from(deployments)
    .where(
      inArray(
        deployments.id,
        running.map(({ deployment }) => deployment),
      ),
    );
  const known = new Map(rows.map((row) => [row.id, row]));
  const stops: Stop[] = [];
  for (const { deployment, attempt } of running) {
    const row = known.get(deployment);
    const reason =
      row === undefined || row.agentId !== agent || row.attempt !== attempt
        ? "fenced"
        : await stopReason(db, row);
    if (reason !== undefined) stops.push({ deployment, reason });
  }
  return stops;
}

/** Undefined: go on. Also for one that has reached its good end, which the agent itself has told meanwhile. */
async function stopReason(db: Database, row: DeploymentRow): Promise<Stop["reason"] | undefined> {
  if (!isFinal(row.state)) return row.cancelReason ?? undefined;
  if (row.state === "cancelled" || row.state === "superseded") return row.state;
  if (row.state !== "failed") return undefined;
  if (!row.presumed) return "fenced";
  // Given up, and here it is: it may go on unless something newer was asked for.
  return (await isOutdated(db, row)) ? "superseded" : undefined;
}

async function compareEnvironments(
  deps: QueueDeps,
  agent: string,
  there: ReadonlySet<string>,
): Promise<Pick<SyncReply, "remove" | "hibernate" | "wake">> {
  const { db } = deps;
  const ids = [...there];
  const told =
    ids.length === 0 ? [] : await db.select().from(environments).where(inArray(environments.id, ids));
  const held = await db.select().from(environments).where(eq(environments.agentId, agent));
  const rows = new Map([...told, ...held].map((row) => [row.id, row]));
  const [remove, hibernate, wake]: [string[], string[], string[]] = [[], [], []];
  for (const id of new Set([...ids, ...rows.keys()])) {
    const row = rows.get(id);
    const mine = row?.agentId === agent;
    if (there.has(id)) {
      const wanted = mine && (row.desired !== "down" || (await openDeployments(db, id)).length > 0);
      if (!wanted) {
        remove.push(id);
        continue;
      }
      const rest = restOf(row);
      if (rest !== undefined && (await openDeployments(db, id)).length === 0)
        (rest === "hibernate" ? hibernate : wake).push(id);
      if (row.missingSince !== null)
        await db.update(environments).set({ missingSince: null }).where(eq(environments.id, id));
    } else if (mine) await noteMissing(deps, agent, id);
  }
  return { remove, hibernate, wake };
}

/** What its containers need so that they are as somebody wants them. */
function restOf({ desired, hibernatedAt, deploymentId }: EnvironmentRow): "hibernate" | "wake" | undefined {
  if (deploymentId === null || desired === "down") return undefined;
  if (desired === "asleep") return hibernatedAt === null ? "hibernate" : undefined;
  return hibernatedAt === null ? undefined : "wake";
}

/**
 * The agent has nothing of an environment of which it should have, or of one that it was to take down. What is gone is deployed
 * again, once: when that is gone, too, there is a reason that a person should look for.
 */
async function noteMissing(deps: QueueDeps, agent: string, id: string): Promise<void> {
  const lost = await writeMissing(deps, agent, id);
  if (lost === undefined) return;
  const { environment, deployment } = lost;
  deps.log.warn(
    { environment: id, agent, deployment: deployment.id },
    "an environment is gone from its agent",
  );
  deps.notices.changed(deployment.id);
  if (deployment.requestedBy === repair) return;
  const { projectId: project, kind, ref, commit, useCache, fork } = deployment;
  // That it is no fork was said of what the ref was then.
  const again = {
    project,
    environment,
    kind,
    ref,
    commit,
    useCache,
    fork: commit === null ? fork || null : fork,
  };
  await requestDeployment(deps, { ...again, requestedBy: repair });
}

/** Who has asked for a deployment that repairs. */
const repair = "galley (repair)";

async function writeMissing(
  deps: QueueDeps,
  agent: string,
  id: string,
): Promise<{ environment: EnvironmentRow; deployment: DeploymentRow } | undefined> {
  const now = new Date(deps.now());
  return deps.db.transaction(async (tx) => {
    const row = await lockEnvironment(tx, id);
    if (row?.agentId !== agent || (await openDeployments(tx, id)).length > 0) return undefined;
    const down = row.desired === "down";
    if (!down && row.deploymentId === null) return undefined;
    if (row.missingSince === null) {
      await tx.update(environments).set({ missingSince: now }).where(eq(environments.id, id));
      return undefined;
    }
    if (now.getTime() - row.missingSince.getTime() < missingMs) return undefined;
    await tx
      .update(environments)
      .set({ deploymentId: null, url: null, agentId: null, missingSince: null })
      .where(eq(environments.id, id));
    const [deployment] = await tx
      .update(deployments)
      .set(down ? { state: "superseded" } : { state: "failed", error: failures.container_failed() })
      .where(and(eq(deployments.environmentId, id), eq(deployments.state, "running")))
      .returning();
    if (!down) await refreshEnvironment(tx, id, now);
    else
      await tx
        .update(environments)
        .set({ state: "terminated", updatedAt: now })
        .where(eq(environments.id, id));
    return down || deployment === undefined ? undefined : { environment: row, deployment };
  });
}
