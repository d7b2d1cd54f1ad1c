import { sql } from "drizzle-orm";
import type { Heartbeat } from "../../bus/index.js";
import { dispatchQueued, type QueueDeps } from "../queue/index.js";

/**
 * An agent lives. Its own clock is not believed: when it was heard is by ours. One that comes back, or has more room than before, may
 * take what is queued.
 */
export async function hearHeartbeat(deps: QueueDeps, agent: string, beat: Heartbeat): Promise<void> {
  const { rows } = await deps.db.execute<{ room: boolean }>(sql`
    with before as (select online, slots, draining from agents where id = ${agent} for no key update)
    update agents set
      online = true,
      seen_at = ${new Date(deps.now()).toISOString()}::timestamptz,
      version = ${withoutNul(beat.version)},
      slots = ${Math.min(beat.slots, mostSlots)},
      draining = ${beat.draining},
      running = ${JSON.stringify(beat.running)}::jsonb,
      engine = ${beat.engine && withoutNul(JSON.stringify(beat.engine))}::jsonb,
      disk = ${beat.disk && JSON.stringify(beat.disk)}::jsonb,
      unsent = ${Math.min(beat.unsent, 2 ** 31 - 1)}
    from before
    where id = ${agent} and revoked_at is null
    returning not agents.draining and (not before.online or before.draining or before.slots < agents.slots) as room`);
  if (rows[0]?.room) await dispatchQueued(deps);
}

/** What an agent says is bounded: a wrong number must not draw every job to it. */
const mostSlots = 256;

/** Postgres stores no NUL in text. */
const withoutNul = (text: string) => text.replaceAll("\u0000", "").replaceAll("\\u0000", "");
