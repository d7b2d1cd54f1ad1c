// The order in which vitest starts test files: the longest first, so that a run does not end with one of them alone on an idle machine.
import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Those that take more than half a minute beside others, from the longest on. The rest follows in vitest's own order. */
const longest = [
  // Far from the benchmark below: each starts whole Galleys, which look for the same free ports.
  "test/up/up.test.ts",
  "test/documents/fresh-clone.test.ts",
  "test/preview/shop.test.ts",
  "test/agent/capacity.test.ts",
  "test/real/repositories.test.ts",
  "test/agent/deploy.test.ts",
  "test/queue/reconciler.test.ts",
  "test/agent/life.test.ts",
  "test/compose/compose.test.ts",
  "test/documents/commands.test.ts",
  "test/agent/failure-table.test.ts",
  "test/cache/mounts.test.ts",
  "test/agent/engines.test.ts",
  "test/preview/isolation.test.ts",
  "test/cli/build.test.ts",
  "test/buildkit-client/solve.test.ts",
  "test/preview/switch.test.ts",
  "test/bench/previews.test.ts",
  "test/preview/network.test.ts",
  "test/cache/load.test.ts",
  "test/bus/cluster.test.ts",
  // Tests of caches prune on an engine that they share with all others, and stand apart from each other.
  "test/cache/layers.test.ts",
  "test/context/resend.test.ts",
  "test/queue/follow.test.ts",
  "test/preview/runtime.test.ts",
  "test/preview/ingress.test.ts",
  "test/cache/own-collection.test.ts",
  "test/preview/environment.test.ts",
  "test/export/caches.test.ts",
  "test/progress/slow-pipe.test.ts",
  "test/cli/deploy.test.ts",
  "test/cache/killed.test.ts",
  "test/agent/two-agents.test.ts",
  "test/bus/jobs.test.ts",
  "test/preview/containers.test.ts",
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const { root } = this.ctx.config;
    for (const file of longest)
      if (!existsSync(join(root, file)))
        throw new Error(`test/setup/longest-first.ts names ${file}, which is not there`);
    const rank = ({ moduleId }: TestSpecification) => {
      const at = longest.indexOf(relative(root, moduleId));
      return at < 0 ? longest.length : at;
    };
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other));
  }
}
