import type { Axis } from "./axis.js";
import type { BuildModel } from "./build-model.js";
import { criticalPath } from "./critical-path.js";
import type { ServiceModel } from "./service-model.js";
import type { StepModel, StepState } from "./step-model.js";

/** A piece of a row, in shares of the axis. */
export interface Bar {
  readonly from: number;
  readonly to: number;
  readonly state: StepState | "pulling" | "starting";
}

export interface StepRow {
  readonly id: string;
  /** Line of the Dockerfile: `5`, `5–8`; null for what comes from none. */
  readonly line: string | null;
  readonly stage: string | null;
  readonly label: string;
  readonly state: StepState;
  /** Milliseconds; null for what has not begun. */
  readonly duration: number | null;
  readonly bytes: number;
  /** 0 when unknown. */
  readonly totalBytes: number;
  readonly bars: readonly Bar[];
  /** The build would have been quicker only if this step had been. */
  readonly critical: boolean;
  readonly warnings: number;
}

/** The steps of a service's build on the axis, then its hooks. `now` in the clock of the events. */
export function stepRows({ build, hooks }: ServiceModel, axis: Axis, now: number): StepRow[] {
  const steps = build?.steps ?? [];
  const critical = criticalPath(steps, (id) => build?.step(id));
  return [...steps, ...hooks].map((step) => {
    const { current, total } = step.bytes;
    return {
      id: step.id,
      line: build ? lineOf(build, step) : null,
      stage: step.name.stage,
      label: step.name.label,
      state: step.state,
      duration: step.started === undefined ? null : step.durationAt(now),
      bytes: current,
      totalBytes: total,
      bars: step.runs.map(({ from, to }, index) => ({
        from: axis.place(from),
        to: axis.place(to ?? now),
        // Only its last run was cut off or failed.
        state: index === step.runs.length - 1 || step.state === "cached" ? step.state : "done",
      })),
      critical: critical.has(step.id),
      warnings: step.warnings,
    };
  });
}

function lineOf(build: BuildModel, step: StepModel): string | null {
  const lines = build.lines(step);
  const [first, last] = [lines[0], lines.at(-1)];
  if (first === undefined || last === undefined) return null;
  return last.end > first.start ? `${first.start}–${last.end}` : String(first.start);
}

/** A service's whole row: what was pulled, built and started for it. */
export function serviceBars(service: ServiceModel, axis: Axis, now: number): Bar[] {
  const bars: Bar[] = [];
  const { build, told } = service;
  if (build?.startedAt !== undefined && build.end?.outcome !== "reused") {
    const ends = build.end?.outcome;
    bars.push({
      from: axis.place(build.startedAt),
      to: axis.place(build.endedAt ?? now),
      state: ends === undefined ? "running" : ends === "built" ? "done" : (ends as "failed" | "cancelled"),
    });
  }
  told.forEach(({ state, at }, index) => {
    if (state !== "pulling" && state !== "starting") return;
    bars.push({ from: axis.place(at), to: axis.place(told[index + 1]?.at ?? now), state });
  });
  return bars.sort((a, b) => a.from - b.from);
}
