import { eq } from "drizzle-orm";
import { GalleyError } from "../../errors/index.js";
import { longestLife } from "../config/index.js";
import { renewedExpiry, ttlOf } from "../deployments/expiry.js";
import { type EnvironmentRow, lockEnvironment } from "../deployments/index.js";
import type { QueueDeps } from "../queue/index.js";
import { type Database, environments, projects } from "../store/index.js";

export type LifeChange =
  | { readonly type: "pin" }
  /** Its time begins anew. */
  | { readonly type: "unpin" }
  /** Adds to the time that it has; `seconds` null: as long as a new one has. */
  | { readonly type: "extend"; readonly seconds: number | null };

/**
 * Changes how long an environment lives. Resolves with its row. Throws `not_found`, and `conflict` for one that is being taken down, and for
 * extending one that does not expire.
 *
 * `also` runs in the same transaction, for the audit log.
 */
export async function changeLife(
  deps: QueueDeps,
  id: string,
  change: LifeChange,
  also: (tx: Database) => Promise<void>,
): Promise<EnvironmentRow> {
  return deps.db.transaction(async (tx) => {
    const row = await lockEnvironment(tx, id);
    if (!row) throw new GalleyError("not_found", `There is no environment ${id}.`);
    if (row.desired === "down")
      throw new GalleyError("conflict", `${row.name} is taken down, or is being taken down.`, {
        hint: "Deploy it again: `galley deploy`.",
      });
    const [project] = await tx
      .select({ ttlSeconds: projects.ttlSeconds })
      .from(projects)
      .where(eq(projects.id, row.projectId));
    const terms = { ttlSeconds: project?.ttlSeconds ?? null, ttlMs: deps.settings.ttlMs };
    const now = new Date(deps.now());
    const next =
      change.type === "pin"
        ? { pinned: true }
        : change.type === "unpin"
          ? {
              pinned: false,
              expiresAt: row.pinned ? renewedExpiry(row.expiresAt, terms, now) : row.expiresAt,
            }
          : { expiresAt: extended(row, change.seconds ?? ttlOf(terms) / 1000, now) };
    const [changed] = await tx.update(environments).set(next).where(eq(environments.id, id)).returning();
    await also(tx);
    return changed as EnvironmentRow;
  });
}

function extended({ expiresAt, name }: EnvironmentRow, seconds: number, now: Date): Date {
  if (expiresAt === null)
    throw new GalleyError("conflict", `${name} does not expire, so that there is nothing to extend.`);
  const end = Math.max(expiresAt.getTime(), now.getTime()) + seconds * 1000;
  if (end > now.getTime() + longestLife * 1000)
    throw new GalleyError("invalid_request", `${name} would live for more than a year.`, {
      hint: "Pin it: then it does not expire.",
    });
  return new Date(end);
}
