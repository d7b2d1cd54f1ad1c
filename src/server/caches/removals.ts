import { and, desc, eq, lt, sql } from "drizzle-orm";
import { z } from "zod";
import type { CacheNoticeRequest } from "../../bus/index.js";
import { type CacheEvent, cacheEventSchema } from "../../events/index.js";
import { agents, cacheEvents, type Database } from "../store/index.js";

/** Of an agent: one that has too little room for what it builds must not fill the database. */
const mostKept = 1_000;

/** What an agent has removed from its caches. Told again, it is the same. */
export async function noteCacheEvents(
  db: Database,
  agent: string,
  { events }: CacheNoticeRequest,
): Promise<void> {
  const [known] = await db.select({ id: agents.id }).from(agents).where(eq(agents.id, agent));
  if (!known) return;
  const rows = events.map(clean).map((event) => ({
    ...{ agentId: agent, key: event.id, at: new Date(event.at), event },
  }));
  await db.insert(cacheEvents).values(rows).onConflictDoNothing();
  const oldest = sql`(select id from cache_events where agent_id = ${agent} order by id desc offset ${mostKept - 1} limit 1)`;
  await db.delete(cacheEvents).where(and(eq(cacheEvents.agentId, agent), lt(cacheEvents.id, oldest)));
}

/** Without what a database does not take: zero characters, and halves of a pair of surrogates where a long name was cut. */
function clean(event: CacheEvent): CacheEvent {
  const fields = Object.entries(event).map(([field, value]) => [
    field,
    typeof value === "string" ? Buffer.from(value).toString().replaceAll("\0", "") : value,
  ]);
  return Object.fromEntries(fields) as CacheEvent;
}

export const cacheEventsView = z.object({ events: z.array(cacheEventSchema) });

/** The newest first. */
export async function listCacheEvents(
  db: Database,
  agent: string,
  limit: number,
): Promise<z.infer<typeof cacheEventsView>> {
  const rows = await db
    .select({ event: cacheEvents.event })
    .from(cacheEvents)
    .where(eq(cacheEvents.agentId, agent))
    .orderBy(desc(cacheEvents.id))
    .limit(limit);
  return { events: rows.map(({ event }) => event) };
}
