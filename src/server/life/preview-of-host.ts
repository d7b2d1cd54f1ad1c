import { sql } from "drizzle-orm";
import type { EnvironmentRow } from "../deployments/index.js";
import { type Database, environments } from "../store/index.js";

/** Milliseconds for which an answer holds: pages look again and again. */
const freshMs = 200;
const mostKept = 1_000;

/** The environment that a host name belongs to, by the addresses that its deployments told; undefined: none. */
export type PreviewOfHost = (host: string) => Promise<EnvironmentRow | undefined>;

/** Asks the database at most five times a second for a host. `urlOf`: as agents write the address of a host. */
export function createPreviewOfHost(
  db: Database,
  urlOf: (host: string) => string,
  now: () => number,
): PreviewOfHost {
  const known = new Map<
    string,
    { readonly found: Promise<EnvironmentRow | undefined>; readonly until: number }
  >();
  return (host) => {
    const before = known.get(host);
    if (before && before.until > now()) return before.found;
    const found = look(db, urlOf(host));
    known.delete(host);
    known.set(host, { found, until: now() + freshMs });
    found.catch(() => known.delete(host));
    for (const [oldest] of known) {
      if (known.size <= mostKept) break;
      known.delete(oldest);
    }
    return found;
  };
}

async function look(db: Database, url: string): Promise<EnvironmentRow | undefined> {
  const named = JSON.stringify([{ url }]);
  // Of the deployment that serves, and of those on their way: addresses are known before anything is built.
  const [row] = await db
    .select()
    .from(environments)
    .where(
      sql`exists (select 1 from deployments d where d.environment_id = environments.id
        and (d.id = environments.deployment_id or d.finished_at is null)
        and (d.url = ${url} or d.services @> ${named}::jsonb or d.plan @> ${named}::jsonb))`,
    )
    .limit(1);
  return row;
}
