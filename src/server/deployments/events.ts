import { and, asc, eq, gt, sql } from "drizzle-orm";
import { type Database, events } from "../store/index.js";

export interface EventText {
  /** In the order of ingest; ids of SSE. */
  readonly id: number;
  /** The event as JSON, in one line. */
  readonly text: string;
}

/** Those after an id, in the order in which they became visible. */
export const eventsAfter = (
  db: Database,
  deployment: string,
  after: number,
  limit: number,
): Promise<EventText[]> =>
  db
    .select({ id: events.id, text: sql<string>`${events.body}::text` })
    .from(events)
    .where(and(eq(events.deploymentId, deployment), gt(events.id, after)))
    .orderBy(asc(events.id))
    .limit(limit);

/** How many events of an attempt are there: as many as the last one's `seq` when none is on its way. */
export async function countEvents(db: Database, deployment: string, attempt: number): Promise<number> {
  const [row] = await db
    .select({ count: sql<number>`count(*)::int` })
    .from(events)
    .where(and(eq(events.deploymentId, deployment), eq(events.attempt, attempt)));
  return row?.count ?? 0;
}

export interface LogEvent {
  readonly seq: number;
  readonly service: string | null;
  readonly body: { readonly [field: string]: unknown };
}

/** Log lines of an attempt after a `seq`, in the order in which they were written. */
export const logsAfter = (
  db: Database,
  {
    deployment,
    attempt,
    after,
    service,
    limit,
  }: { deployment: string; attempt: number; after: number; service?: string | undefined; limit: number },
): Promise<LogEvent[]> =>
  db
    .select({ seq: events.seq, service: events.service, body: events.body })
    .from(events)
    .where(
      and(
        eq(events.deploymentId, deployment),
        eq(events.attempt, attempt),
        gt(events.seq, after),
        eq(events.type, "step.log"),
        service === undefined ? undefined : eq(events.service, service),
      ),
    )
    .orderBy(asc(events.seq))
    .limit(limit);
