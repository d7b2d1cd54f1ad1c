import { type CacheBuildRecord, listBuildRecords, readBuildRecord, type StepRecord } from "./build-record.js";
import { cachePlaces } from "./places.js";
import { readIndexes } from "./stored-sweep.js";

/** Why the steps of a build were cached, or were not. */
export interface Explanation {
  readonly repo: string;
  readonly build: CacheBuildRecord;
  /** The build before it of the same service, that it is compared with. */
  readonly previous: string | null;
  readonly steps: readonly ExplainedStep[];
}

export interface ExplainedStep {
  readonly name: string;
  readonly cached: boolean;
  /** Milliseconds. */
  readonly took: number;
  readonly why:
    | "cached"
    | "first build"
    | "new step"
    | "command changed"
    | "files changed"
    | "earlier step changed"
    | "not kept";
  /** The step whose change made this one run; null where it is this one, or none. */
  readonly because: string | null;
}

/** Undefined when no repository has a record of that build. */
export async function explainBuild(dataDirectory: string, id: string): Promise<Explanation | undefined> {
  for (const repo of (await readIndexes(dataDirectory)).keys()) {
    const { builds } = cachePlaces(dataDirectory, repo);
    const build = await readBuildRecord(builds, id);
    if (!build) continue;
    const previous = (await listBuildRecords(builds)).find(
      (one) => one.at < build.at && one.service === build.service && one.scope === build.scope,
    );
    return { repo, build, previous: previous?.id ?? null, steps: explainSteps(build.steps, previous?.steps) };
  }
  return undefined;
}

/** @param before the steps of the build that it is compared with; undefined: there was none */
export function explainSteps(
  steps: readonly StepRecord[],
  before: readonly StepRecord[] | undefined,
): ExplainedStep[] {
  const left = [...(before ?? [])];
  let changed: string | null = null;
  return steps.map((step) => {
    const { name, cached, took } = step;
    const place = left.findIndex((one) => bare(one.name) === bare(name));
    const [same] = place === -1 ? [] : left.splice(place, 1);
    const told = (why: ExplainedStep["why"], because: string | null = null): ExplainedStep => ({
      name,
      cached,
      took,
      why,
      because,
    });
    const own = before === undefined ? "first build" : ownChange(step, same);
    const because = changed;
    if (own !== undefined) changed ??= name;
    if (cached) return told("cached");
    if (own !== undefined) return told(own);
    return same?.key === step.key ? told("not kept") : told("earlier step changed", because);
  });
}

function ownChange(
  step: StepRecord,
  same: StepRecord | undefined,
): "new step" | "command changed" | "files changed" | undefined {
  if (same === undefined) return "new step";
  if (same.own !== step.own) return "command changed";
  return same.files === step.files ? undefined : "files changed";
}

/** Without its number, which changes when a step is added: `[web 3/7] RUN npm ci`. */
const bare = (name: string) => name.replace(/^\[([^\]]*?)\s*\d+\/\d+\]/, "[$1]");
