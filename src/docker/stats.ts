import { engineError, statusOf } from "./api-error.js";
import type { Docker } from "./connect.js";
import { within } from "./within.js";

/** What a running container uses. */
export interface ContainerStats {
  /** 100: one CPU. */
  readonly cpuPercent: number;
  /** Bytes, without what the kernel could drop from its file cache. */
  readonly memory: number;
  /** Bytes; that of the machine where there is no limit. */
  readonly memoryLimit: number;
  readonly processes: number;
}

/** Measures for one second. Undefined when the container does not run. */
export async function containerStats(
  docker: Docker,
  id: string,
  signal: AbortSignal,
): Promise<ContainerStats | undefined> {
  try {
    const found = await within(signal, (abortSignal) =>
      docker.getContainer(id).stats({ stream: false, abortSignal } as object),
    );
    return usage(found as unknown as RawStats);
  } catch (error) {
    const status = statusOf(error);
    if (status === 404 || status === 409) return undefined;
    throw engineError(`what container ${id} uses could not be asked`, error, signal);
  }
}

/** Bytes that a container's interfaces have received since it was started. Undefined when it does not run, or the engine does not count. */
export async function receivedBytes(
  docker: Docker,
  id: string,
  signal: AbortSignal,
): Promise<number | undefined> {
  try {
    // One look instead of two a second apart; engines before 20.10 (API 1.41) take their time.
    const options = { stream: false, "one-shot": true };
    const found = await within(signal, (abortSignal) =>
      docker.getContainer(id).stats({ ...options, abortSignal } as object),
    );
    const { networks } = found as unknown as { networks?: Readonly<Record<string, { rx_bytes?: number }>> };
    if (networks === undefined) return undefined;
    return Object.values(networks).reduce((sum, { rx_bytes = 0 }) => sum + rx_bytes, 0);
  } catch (error) {
    const status = statusOf(error);
    if (status === 404 || status === 409) return undefined;
    throw engineError(`what container ${id} has received could not be asked`, error, signal);
  }
}

interface RawCpu {
  readonly cpu_usage?: { readonly total_usage?: number; readonly percpu_usage?: readonly number[] | null };
  readonly system_cpu_usage?: number;
  readonly online_cpus?: number;
}
export interface RawStats {
  readonly cpu_stats?: RawCpu;
  readonly precpu_stats?: RawCpu;
  readonly memory_stats?: {
    readonly usage?: number;
    readonly limit?: number;
    readonly stats?: Readonly<Record<string, number>>;
  };
  readonly pids_stats?: { readonly current?: number };
}

/** As `docker stats` reckons. Undefined for a container that has no usage, as it does not run. */
export function usage(raw: RawStats): ContainerStats | undefined {
  const { cpu_stats: now, precpu_stats: before, memory_stats: memory, pids_stats: processes } = raw;
  if (memory?.usage === undefined || memory.limit === undefined) return undefined;
  const used = (now?.cpu_usage?.total_usage ?? 0) - (before?.cpu_usage?.total_usage ?? 0);
  const whole = (now?.system_cpu_usage ?? 0) - (before?.system_cpu_usage ?? 0);
  const cpus = now?.online_cpus ?? now?.cpu_usage?.percpu_usage?.length ?? 1;
  // cgroup 1 has `total_inactive_file`, cgroup 2 `inactive_file`.
  const cache = memory.stats?.total_inactive_file ?? memory.stats?.inactive_file ?? 0;
  return {
    cpuPercent: used > 0 && whole > 0 ? (used / whole) * cpus * 100 : 0,
    memory: Math.max(0, memory.usage - cache),
    memoryLimit: memory.limit,
    processes: processes?.current ?? 0,
  };
}
