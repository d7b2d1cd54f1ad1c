import { eq } from "drizzle-orm";
import { GalleyError } from "../../errors/index.js";
import { type EnvironmentRow, lockEnvironment, openDeployments } from "../deployments/index.js";
import type { QueueDeps } from "../queue/index.js";
import { type Database, environments } from "../store/index.js";

/**
 * Wants the containers of an environment stopped, with everything kept. Its agent does so at once, or when it is back. Resolves with the row;
 * asked again it tells the agent again. Throws `not_found`, and `conflict` where nothing serves, or something is being done.
 *
 * `also` runs in the same transaction, for the audit log; it may throw to let it be.
 */
export async function hibernate(
  deps: QueueDeps,
  id: string,
  also: (tx: Database, row: EnvironmentRow) => Promise<void>,
): Promise<EnvironmentRow> {
  return change(deps, id, "asleep", async (tx, row) => {
    if ((await openDeployments(tx, id)).length > 0)
      throw new GalleyError("conflict", `A deployment of ${row.name} waits or is under way.`, {
        hint: "Wait for its end, or cancel it.",
      });
    await also(tx, row);
  });
}

/** Wants them started again. As `hibernate`; nothing is said against a deployment, which ends with running containers anyway. */
export const wake = (
  deps: QueueDeps,
  id: string,
  also: (tx: Database, row: EnvironmentRow) => Promise<void>,
): Promise<EnvironmentRow> => change(deps, id, "up", also);

async function change(
  deps: QueueDeps,
  id: string,
  desired: "up" | "asleep",
  also: (tx: Database, row: EnvironmentRow) => Promise<void>,
): Promise<EnvironmentRow> {
  const now = new Date(deps.now());
  const { row, changed } = await deps.db.transaction(async (tx) => {
    const row = await lockEnvironment(tx, id);
    if (!row) throw new GalleyError("not_found", `There is no environment ${id}.`);
    if (row.desired === "down" || row.deploymentId === null)
      throw new GalleyError("conflict", `${row.name} has no containers that serve.`, {
        hint: "Deploy it: `galley deploy`.",
      });
    if (row.desired === desired) return { row, changed: false };
    await also(tx, row);
    const [next] = await tx
      .update(environments)
      .set({
        desired,
        lifeError: null,
        updatedAt: now,
        ...(desired === "up" ? { lastRequestAt: now } : {}),
      })
      .where(eq(environments.id, id))
      .returning();
    return { row: next as EnvironmentRow, changed: true };
  });
  if (changed) deps.log.info({ environment: id, desired }, "an environment is to be hibernated or woken");
  const done = (row.hibernatedAt !== null) === (desired === "asleep");
  if (row.agentId !== null && !done) deps.jobs.command(row.agentId, { v: 1, type: "sync" });
  return row;
}
