import { containerStats, type Docker, findContainers, inspectContainer } from "../docker/index.js";
import { environmentLabels, labelKeys, type Owner } from "./labels.js";

/** How a service's container is, and what it uses. */
export interface ServiceStats {
  readonly service: string;
  /** Id. */
  readonly container: string;
  readonly state: "running" | "restarting" | "exited" | "created";
  /** Null where there is no health check. */
  readonly health: "starting" | "healthy" | "unhealthy" | null;
  readonly exitCode: number | null;
  readonly restarts: number;
  /** Seconds since its last start; null while it does not run. */
  readonly uptimeSeconds: number | null;
  /** 100: one CPU; null while it does not run. */
  readonly cpuPercent: number | null;
  /** Bytes. */
  readonly memory: number | null;
  readonly memoryLimit: number | null;
  readonly processes: number | null;
}

/** Measures all services of an environment at once, for about a second; sorted by name. */
export async function serviceStats(
  docker: Docker,
  owner: Pick<Owner, "agent" | "environment">,
  signal: AbortSignal,
): Promise<ServiceStats[]> {
  const labels = { ...environmentLabels(owner), [labelKeys.role]: "service" };
  const found = await findContainers(docker, labels, signal);
  const all = await Promise.all(
    found.map(async ({ id, labels: of }): Promise<ServiceStats[]> => {
      const [state, used] = await Promise.all([
        inspectContainer(docker, id, signal),
        containerStats(docker, id, signal),
      ]);
      if (!state) return [];
      const { restarting, running, created, health, exitCode, restarts, startedAt } = state;
      const runs = running && !restarting;
      const stats = runs ? used : undefined;
      return [
        {
          service: of[labelKeys.service] ?? "",
          container: id,
          state: restarting ? "restarting" : runs ? "running" : created ? "created" : "exited",
          health: runs ? (health ?? null) : null,
          exitCode: runs || created ? null : exitCode,
          restarts,
          uptimeSeconds: runs ? Math.max(0, Math.round((Date.now() - startedAt) / 1000)) : null,
          cpuPercent: stats?.cpuPercent ?? null,
          memory: stats?.memory ?? null,
          memoryLimit: stats?.memoryLimit ?? null,
          processes: stats?.processes ?? null,
        },
      ];
    }),
  );
  return all.flat().sort((a, b) => (a.service < b.service ? -1 : 1));
}
