import type { LabEngine } from "../lab/engine.js";
import type { Bench } from "./bench.js";
import { furtherEngine } from "./further-engine.js";

const started = new WeakMap<Bench, Promise<LabEngine>>();

/**
 * An engine of the same version for this run alone that does not clip the logs of steps; the limits are read from the daemon's
 * environment. One for all scenarios that need it.
 */
export function unlimitedEngine(bench: Bench): Promise<LabEngine> {
  const env = { BUILDKIT_STEP_LOG_MAX_SIZE: "-1", BUILDKIT_STEP_LOG_MAX_SPEED: "-1" };
  const engine = started.get(bench) ?? furtherEngine(bench, "bench", { images: ["busybox:latest"], env });
  started.set(bench, engine);
  return engine;
}
