import { and, desc, eq, lt, sql } from "drizzle-orm";
import { z } from "zod";
import { type Database, runtimeEvents } from "../store/index.js";

/** What happens to an environment outside of deployments. */
export const runtimeEventTypes = [
  "ended",
  "out_of_memory",
  "restarted",
  "healthy",
  "unhealthy",
  "hibernated",
  "woken",
  "hibernate_failed",
  "wake_failed",
] as const;

export interface RuntimeEvent {
  /** Told again, it is the same. */
  readonly key: string;
  readonly at: Date;
  readonly type: (typeof runtimeEventTypes)[number];
  readonly deploymentId: string | null;
  readonly service?: string | null;
  readonly exitCode?: number | null;
  readonly restarts?: number | null;
  /** In words. */
  readonly detail?: string | null;
}

/** Events of an environment that are kept: a service that crashes all the time must not fill the database. */
const mostKept = 200;

/** Adds an event, once, and forgets those that are too many. */
export async function recordRuntimeEvent(
  db: Database,
  environmentId: string,
  event: RuntimeEvent,
): Promise<void> {
  const [added] = await db
    .insert(runtimeEvents)
    .values({ environmentId, ...event })
    .onConflictDoNothing()
    .returning({ id: runtimeEvents.id });
  if (!added) return;
  const oldest = sql`(select id from runtime_events where environment_id = ${environmentId} order by id desc offset ${mostKept - 1} limit 1)`;
  await db
    .delete(runtimeEvents)
    .where(and(eq(runtimeEvents.environmentId, environmentId), lt(runtimeEvents.id, oldest)));
}

export const runtimeEventView = z.object({
  at: z.iso.datetime(),
  type: z
    .enum(runtimeEventTypes)
    .describe("`ended` and `out_of_memory`: a process, by itself. `restarted`: by the engine."),
  service: z.string().nullable(),
  deployment: z.string().nullable().describe("The one that made the container."),
  exitCode: z.int().nullable(),
  restarts: z.int().nullable().describe("How often the engine has restarted the container so far."),
  detail: z.string().nullable(),
});

/** The newest first. */
export async function listRuntimeEvents(
  db: Database,
  environmentId: string,
  limit: number,
): Promise<z.infer<typeof runtimeEventView>[]> {
  const rows = await db
    .select()
    .from(runtimeEvents)
    .where(eq(runtimeEvents.environmentId, environmentId))
    .orderBy(desc(runtimeEvents.id))
    .limit(limit);
  return rows.map(({ at, type, service, deploymentId, exitCode, restarts, detail }) => ({
    at: at.toISOString(),
    type: type as (typeof runtimeEventTypes)[number],
    service,
    deployment: deploymentId,
    exitCode,
    restarts,
    detail,
  }));
}
