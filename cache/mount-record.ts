import type { UsageRecord } from "../src/buildkit/index.js";
import { ownerOf } from "./scope.js";

/** Whose cache mount a record of BuildKit is: namespace and id. Undefined for other records, and where the engine does not say it (before 23). */
export interface MountRecord {
  readonly repo: string;
  /** Name of the scope. */
  readonly scope: string;
  /** Without namespace. */
  readonly id: string;
}

/** BuildKit since 0.10: `cached mount /root/.npm from exec … with id "ns//root/.npm"`. */
export function recordedMountId({ type, description }: UsageRecord): string | undefined {
  if (type !== "exec.cachemount") return undefined;
  const [, quoted] = / with id ("(?:[^"\\]|\\.)*")$/.exec(description) ?? [];
  if (quoted === undefined) return undefined;
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return quoted.slice(1, -1);
  }
}

export function mountRecord(record: UsageRecord): MountRecord | undefined {
  const [, namespace, id] = /^([^/]+)\/(.*)$/s.exec(recordedMountId(record) ?? "") ?? [];
  const owner = namespace === undefined ? undefined : ownerOf(namespace);
  return owner && id !== undefined ? { ...owner, id } : undefined;
}

/** Matches the records of cache mounts of these repositories, and possibly others. Undefined for none: no filter would mean everything. */
export function mountRecordsFilter(repoKeys: readonly string[]): string | undefined {
  if (repoKeys.length === 0) return undefined;
  const keys = repoKeys.map((key) => key.replaceAll(".", "\\.")).join("|");
  return `type==exec.cachemount,description~=${JSON.stringify(` with id "(${keys})[/~]`)}`;
}
