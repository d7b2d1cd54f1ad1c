import { and, eq, inArray } from "drizzle-orm";
import type { NoticeRequest, SyncRequest } from "../../bus/index.js";
import { lockEnvironment, refreshEnvironment } from "../deployments/index.js";
import type { QueueDeps } from "../queue/index.js";
import { type Database, environments, newId } from "../store/index.js";
import { recordRuntimeEvent } from "./runtime-events.js";

/** What hides the secrets of a project. */
export type MaskOf = (db: Database, project: string) => Promise<<T>(value: T) => T>;

/** An agent has stopped or started the containers of an environment, or could not. Says nothing new: changes nothing. */
export async function noteRested(
  deps: QueueDeps & { readonly maskOf: MaskOf },
  agent: string,
  { environment: id, state, error: told }: SyncRequest["rested"][number],
): Promise<void> {
  const now = new Date(deps.now());
  await deps.db.transaction(async (tx) => {
    const row = await lockEnvironment(tx, id);
    if (row?.agentId !== agent || row.deploymentId === null) return;
    // It may quote what a service has printed.
    const error = told && (await deps.maskOf(tx, row.projectId))(told);
    const hibernated = row.hibernatedAt !== null;
    const asked = row.desired === (state === "hibernating" ? "asleep" : "up");
    if (error === null ? hibernated === (state === "hibernating") : !asked) return;
    const event = { key: newId("evt"), at: now, deploymentId: row.deploymentId };
    if (error === null) {
      const hibernatedAt = state === "hibernating" ? now : null;
      await tx
        .update(environments)
        .set({ hibernatedAt, lifeError: null, ...(hibernatedAt === null ? { lastRequestAt: now } : {}) })
        .where(eq(environments.id, id));
      await recordRuntimeEvent(tx, id, { ...event, type: hibernatedAt ? "hibernated" : "woken" });
    } else {
      // Not tried again by itself: one that fails would go on failing. The next request, or person, asks anew.
      await tx
        .update(environments)
        .set({
          desired: state === "hibernating" ? "up" : "asleep",
          lifeError: error,
          ...(state === "hibernating" ? { lastRequestAt: now } : {}),
        })
        .where(eq(environments.id, id));
      const type = state === "hibernating" ? "hibernate_failed" : "wake_failed";
      await recordRuntimeEvent(tx, id, { ...event, type, detail: error.message });
    }
    await refreshEnvironment(tx, id, now);
  });
}

/** Environments were asked for something, by what their agent sees of the network. */
export async function noteRequests(deps: QueueDeps, agent: string, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await deps.db
    .update(environments)
    .set({ lastRequestAt: new Date(deps.now()) })
    .where(and(eq(environments.agentId, agent), inArray(environments.id, [...ids])));
}

/** Things that happened to services of an agent's environments. Of those that are not its own it knows nothing to tell. */
export async function noteEvents(
  deps: Pick<QueueDeps, "db">,
  agent: string,
  { events }: NoticeRequest,
): Promise<void> {
  const ids = [...new Set(events.map(({ environment }) => environment))];
  const rows = await deps.db
    .select({ id: environments.id })
    .from(environments)
    .where(and(eq(environments.agentId, agent), inArray(environments.id, ids)));
  const own = new Set(rows.map(({ id }) => id));
  for (const { environment, deployment, key, at, type, service, exitCode, restarts } of events)
    if (own.has(environment))
      await recordRuntimeEvent(deps.db, environment, {
        ...{ key, at: new Date(at), type, deploymentId: deployment },
        ...{ service: service.replaceAll("\u0000", ""), exitCode, restarts },
      });
}
