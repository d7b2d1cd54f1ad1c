import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { BuildGraph, SolveStatus } from "../src/buildkit/index.js";
import { replaceFile } from "./replace-file.js";
import type { StepInputs } from "./step-inputs.js";

/** One step of a build that has ended. */
export interface StepRecord extends StepInputs {
  readonly name: string;
  readonly cached: boolean;
  /** Milliseconds; 0 for a cached one. */
  readonly took: number;
  /** Ids of cache mounts, without namespace. */
  readonly mounts: readonly string[];
}

/** What is remembered of one service's build. */
export interface CacheBuildRecord {
  readonly v: 1;
  /** `<deployment>-<service>` where an agent builds. */
  readonly id: string;
  readonly service: string;
  readonly scope: string;
  /** RFC 3339, when it began. */
  readonly at: string;
  /** Milliseconds. */
  readonly took: number;
  readonly built: boolean;
  readonly steps: readonly StepRecord[];
  /** Paths of the contexts that it has used. Absent in records of before the engine could say whose they are. */
  readonly contexts?: readonly string[];
  /** Mounts that were filled before it, by id. */
  readonly restored: readonly string[];
  /** Scopes whose stored layers it was given. Absent in records of before there were any. */
  readonly layers?: readonly string[];
  /** Names in a registry whose layers it was given. */
  readonly registry?: readonly string[];
  /** The scope that keeps the layers of its own. */
  readonly layerScope?: string;
}

const mostKept = 200;
const safeId = /^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$/;

/** Watches a build's steps. */
export class StepWatch {
  readonly #steps = new Map<string, { cached: boolean; started: number; completed: number }>();

  status({ vertexes }: SolveStatus): void {
    for (const { digest, cached, started, completed } of vertexes ?? []) {
      const step = this.#steps.get(digest) ?? { cached: false, started: 0, completed: 0 };
      // Each of two phases has its times; the last one counts.
      if (started !== undefined) step.started = Date.parse(started);
      if (completed !== undefined) step.completed = Date.parse(completed);
      step.cached ||= cached ?? false;
      this.#steps.set(digest, step);
    }
  }

  /** It ran to its end, and did not come from the cache. */
  ran(digest: string): boolean {
    const step = this.#steps.get(digest);
    return step !== undefined && !step.cached && step.completed > 0;
  }

  records(
    graph: BuildGraph,
    inputs: ReadonlyMap<string, StepInputs>,
    localId: (id: string) => string,
  ): StepRecord[] {
    return graph.steps.flatMap(({ digest, name, caches, kind }) => {
      const found = this.#steps.get(digest);
      const about = inputs.get(digest);
      if (!found || !about || kind === "source") return [];
      const { cached, started, completed } = found;
      const took = cached ? 0 : Math.max(0, completed - started);
      return [
        { ...about, name: name.slice(0, 500), cached, took, mounts: caches.map(({ id }) => localId(id)) },
      ];
    });
  }
}

export async function writeBuildRecord(directory: string, record: CacheBuildRecord): Promise<void> {
  if (!safeId.test(record.id)) return;
  await replaceFile(join(directory, `${record.id}.json`), JSON.stringify(record));
}

export async function readBuildRecord(directory: string, id: string): Promise<CacheBuildRecord | undefined> {
  if (!safeId.test(id)) return undefined;
  const path = join(directory, `${id}.json`);
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const record = parseBuildRecord(text);
  if (record?.id === id) return record;
  await rm(path, { force: true });
  return undefined;
}

/** Undefined for what is none, or is damaged. */
export function parseBuildRecord(text: string): CacheBuildRecord | undefined {
  try {
    const value = Object(JSON.parse(text)) as Partial<CacheBuildRecord>;
    const { v, id, service, scope, at, steps, restored } = value;
    const texts = [id, service, scope, at].every((one) => typeof one === "string");
    const whole =
      v === 1 && texts && safeId.test(String(id)) && Array.isArray(steps) && Array.isArray(restored);
    return whole ? (value as CacheBuildRecord) : undefined;
  } catch {
    return undefined;
  }
}

/** All that are there, the newest first. */
export async function listBuildRecords(directory: string): Promise<CacheBuildRecord[]> {
  const names = (await readdir(directory).catch(() => [])).filter((name) => name.endsWith(".json"));
  const records = await Promise.all(
    names.map((name) => readBuildRecord(directory, name.slice(0, -".json".length))),
  );
  return records
    .flatMap((record) => (record ? [record] : []))
    .sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0));
}

/** Removes all but the newest. */
export async function trimBuildRecords(directory: string, kept: ReadonlySet<string>): Promise<void> {
  for (const name of await readdir(directory).catch(() => []))
    if (!kept.has(name.slice(0, -".json".length))) await rm(join(directory, name), { force: true });
}

export { mostKept as mostBuildRecords };
