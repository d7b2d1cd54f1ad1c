import { sql } from "drizzle-orm";
import type { Logger } from "pino";
import type { Database } from "../store/index.js";

export interface RetentionSettings {
  /** Events of a deployment go so many milliseconds after its end, unless its containers still serve. */
  readonly eventsKeepMs: number;
  /** Events of all deployments together: when there are more, those of the deployments that ended first go. */
  readonly eventsKeepCount: number;
  /** Most events that one statement removes: the embedded database has one connection, which others wait for. */
  readonly removeAtOnce: number;
  /** Most statements of one run. */
  readonly removalsARun: number;
}

/** Deployments that one run looks at. */
const most = 50;

/**
 * Removes the events and log lines of deployments that ended long ago, or of the oldest when there are too many in all; the
 * deployments stay, with their failures. Never those of one that is open. Resolves with whether there may be more to do.
 */
export async function removeOldEvents(
  { db, log, now }: { readonly db: Database; readonly log: Logger; readonly now: () => number },
  settings: RetentionSettings,
): Promise<boolean> {
  let budget = settings.removalsARun;
  let events = 0;
  let deployments = 0;
  /** True: all of it is gone. */
  const remove = async (id: string): Promise<boolean> => {
    await db.execute(
      sql`update deployments set events_removed_at = coalesce(events_removed_at, ${new Date(now()).toISOString()}::timestamptz) where id = ${id}`,
    );
    for (; budget > 0; budget -= 1) {
      const gone = await removeSome(db, id, settings.removeAtOnce);
      events += gone;
      if (gone < settings.removeAtOnce) {
        deployments += 1;
        return true;
      }
    }
    return false;
  };
  const removeAll = async (ids: readonly string[]): Promise<boolean> => {
    for (const id of ids) if (!(await remove(id))) return false;
    return ids.length < most;
  };
  try {
    if (!(await removeAll(await tooOld(db, now() - settings.eventsKeepMs)))) return true;
    return !(await removeAll(await tooMany(db, settings.eventsKeepCount)));
  } finally {
    if (events > 0) log.info({ deployments, events }, "events of old deployments were removed");
  }
}

async function removeSome(db: Database, deployment: string, atOnce: number): Promise<number> {
  const { rows } = await db.execute<{ gone: number }>(sql`
    with gone as (
      delete from events where id in (select id from events where deployment_id = ${deployment} order by id limit ${atOnce})
      returning 1
    )
    select count(*)::int as gone from gone`);
  return rows[0]?.gone ?? 0;
}

const hasEvents = sql`exists (select 1 from events e where e.deployment_id = d.id)`;
const serves = sql`exists (select 1 from environments v where v.deployment_id = d.id)`;

/** Those whose removal was begun are among them: half a log is no log. */
async function tooOld(db: Database, before: number): Promise<string[]> {
  const { rows } = await db.execute<{ id: string }>(sql`
    select d.id from deployments d
    where (d.finished_at < ${new Date(before).toISOString()}::timestamptz and not ${serves}
        or d.finished_at is not null and d.events_removed_at is not null)
      and ${hasEvents}
    order by d.finished_at, d.id
    limit ${most}`);
  return rows.map(({ id }) => id);
}

/** Those that have to go so that no more than `keep` events are left; those that serve last. */
async function tooMany(db: Database, keep: number): Promise<string[]> {
  const [counted] = (await db.execute<{ count: number }>(sql`select count(*)::int as count from events`))
    .rows;
  let excess = (counted?.count ?? 0) - keep;
  if (excess <= 0) return [];
  const { rows } = await db.execute<{ id: string; count: number }>(sql`
    select d.id, (select count(*)::int from events e where e.deployment_id = d.id) as count
    from deployments d
    where d.finished_at is not null and ${hasEvents}
    order by ${serves}, d.finished_at, d.id
    limit ${most}`);
  const ids: string[] = [];
  for (const { id, count } of rows) {
    if (excess <= 0) break;
    ids.push(id);
    excess -= count;
  }
  return ids;
}
