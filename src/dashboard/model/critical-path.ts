import type { StepModel } from "./step-model.js";

/**
 * The steps that the others waited for: from the one that ended last (or still runs) back, each time over the input that ended last.
 * Empty where nothing has begun. Steps that come from the cache take no time and end a path.
 */
export function criticalPath(
  steps: readonly StepModel[],
  find: (id: string) => StepModel | undefined,
): ReadonlySet<string> {
  const path = new Set<string>();
  const end = (step: StepModel) =>
    step.started === undefined ? -1 : (step.ended ?? Number.MAX_SAFE_INTEGER);
  const latest = (candidates: readonly StepModel[]) =>
    candidates.reduce<StepModel | undefined>(
      (best, step) => (end(step) > (best ? end(best) : -1) && step.state !== "cached" ? step : best),
      undefined,
    );
  for (let step = latest(steps); step && !path.has(step.id); ) {
    path.add(step.id);
    step = latest(step.inputs.flatMap((id) => find(id) ?? []));
  }
  // One step alone is no path that anything waited along.
  return path.size > 1 ? path : new Set();
}
