import { join } from "node:path";
import { type LabEngine, labEngine } from "../lab/engine.js";
import { labDirectory, script } from "../lab/scripts.js";
import type { Bench } from "./bench.js";

/**
 * An engine of the benchmark's version for this run alone: whatever is done to it is done to nobody. Gone with everything on it when the
 * benchmark ends.
 *
 * @param name 1 to 8 letters and digits
 */
export async function furtherEngine(
  bench: Bench,
  name: string,
  options: {
    /** Images that it has from the beginning; none: it is empty. */
    readonly images: readonly string[];
    /** Of the daemon. */
    readonly env?: NodeJS.ProcessEnv;
  },
): Promise<LabEngine> {
  const { report } = bench.options;
  const { signal } = bench;
  bench.atEnd(() => script("engine-down.sh", [name, "--purge"], { report }));
  const mirror = ["--registry-mirror", `http://${bench.lab.registry.open}`];
  const { env = {}, images } = options;
  await script("engine-up.sh", [bench.engine.name, "--name", name, ...mirror], { env, report, signal });
  const engine = {
    ...labEngine(bench.engine.name),
    dockerHost: `unix://${join(labDirectory(), name, "docker.sock")}`,
  };
  if (images.length > 0)
    await script("pull-images.sh", [name, ...images], { env: { PATH: engine.path }, report, signal });
  return engine;
}
