import { eq } from "drizzle-orm";
import { recordAudit } from "../audit/index.js";
import { openDeployments } from "../deployments/index.js";
import { type QueueDeps, requestDeployment } from "../queue/index.js";
import { environments, projects } from "../store/index.js";

/** Thrown within the transaction: somebody was faster. */
class NotExpired extends Error {}

/**
 * Takes down an environment whose time is over, if that still is so. Resolves with whether it did.
 */
export async function expireEnvironment(deps: QueueDeps, id: string): Promise<boolean> {
  const [found] = await deps.db
    .select({ environment: environments, project: projects.name })
    .from(environments)
    .innerJoin(projects, eq(projects.id, environments.projectId))
    .where(eq(environments.id, id));
  if (!found) return false;
  const { environment, project } = found;
  const name = `${project}/${environment.name}`;
  try {
    await requestDeployment(
      deps,
      {
        project: environment.projectId,
        environment,
        kind: "terminate",
        ref: "",
        commit: null,
        useCache: true,
        fork: null,
        requestedBy: "galley (expired)",
      },
      async (tx, deployment) => {
        // The row is held from here on; what it says now counts.
        const [row] = await tx.select().from(environments).where(eq(environments.id, id));
        const others = (await openDeployments(tx, id)).filter((open) => open.id !== deployment.id);
        const over = row?.expiresAt != null && row.expiresAt.getTime() <= deps.now();
        if (!over || row.pinned || others.length > 0) throw new NotExpired();
        await recordAudit(tx, system, "environment.expire", name);
      },
    );
  } catch (error) {
    if (error instanceof NotExpired) return false;
    throw error;
  }
  deps.log.info({ environment: id, name }, "an environment has expired and is taken down");
  return true;
}

const system = { kind: "system", id: null, name: "galley", address: null, requestId: null } as const;
