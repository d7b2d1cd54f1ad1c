import { join } from "node:path";
import { type LabEngine, labEngine } from "../lab/engine.js";
import { labDirectory, script } from "../lab/scripts.js";
import type { Bench } from "./bench.js";

const started = new WeakMap<Bench, Promise<LabEngine>>();

/**
 * An engine of the same version for this run alone that does not clip the logs of steps; the limits are read from the daemon's
 * environment. One for all scenarios that need it.
 */
export function unlimitedEngine(bench: Bench): Promise<LabEngine> {
  const engine = started.get(bench) ?? start(bench);
  started.set(bench, engine);
  return engine;
}

async function start(bench: Bench): Promise<LabEngine> {
  const name = "bench";
  const report = bench.options.report;
  bench.atEnd(() => script("engine-down.sh", [name, "--purge"], { report }));
  const mirror = ["--registry-mirror", `http://${bench.lab.registry.open}`];
  const env = { BUILDKIT_STEP_LOG_MAX_SIZE: "-1", BUILDKIT_STEP_LOG_MAX_SPEED: "-1" };
  await script("engine-up.sh", [bench.engine.name, "--name", name, ...mirror], {
    env,
    report,
    signal: bench.signal,
  });
  const engine = {
    ...labEngine(bench.engine.name),
    dockerHost: `unix://${join(labDirectory(), name, "docker.sock")}`,
  };
  await script("pull-images.sh", [name, "busybox:latest"], {
    env: { PATH: engine.path },
    report,
    signal: bench.signal,
  });
  return engine;
}
