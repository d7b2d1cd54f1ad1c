import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Bench } from "../bench.js";
import { noteFirstRequest } from "../first-request.js";
import { plainBuild } from "../same-options.js";
import { type Contender, type Prepared, type Scenario, target } from "../scenario.js";

/** From the start of the process until it asks the engine for BuildKit; the build of nothing that follows is in `build`. */
export const start: Scenario = {
  name: "start",
  summary: "time from the start of the process to its first request to BuildKit",
  setUp,
};

/** The smallest thing each program can do. */
export const version: Scenario = {
  name: "version",
  summary: "galley --version beside docker buildx version",
  setUp: async (bench) => ({
    contenders: [
      { name: "galley", run: () => bench.measure(bench.galley(["--version"])) },
      { name: "buildx", run: () => bench.measure(bench.buildx(["version"])) },
    ],
    rows: [
      {
        title: "`galley --version` (buildx: `docker buildx version`)",
        subject: "galley",
        yardstick: "buildx",
        unit: "ms",
      },
    ],
  }),
};

async function setUp(bench: Bench): Promise<Prepared> {
  const folder = join(bench.folder, "start");
  await mkdir(folder);
  await writeFile(join(folder, "Dockerfile"), "FROM scratch\nCOPY Dockerfile /\n");
  const doorstep = await noteFirstRequest(bench.engine.dockerHost);
  bench.atEnd(() => doorstep.close());
  const contender = (tool: "galley" | "buildx"): Contender => ({
    name: tool,
    before: async () => {
      doorstep.firstRequest();
    },
    run: () =>
      bench.measure(
        bench[tool]([...plainBuild, "-o", "type=cacheonly", folder], { DOCKER_HOST: doorstep.dockerHost }),
      ),
    after: (_run, { startedAt }) => {
      const at = doorstep.firstRequest();
      if (at === undefined) throw new Error(`start: ${tool} has not asked for BuildKit`);
      return { firstRequestMs: at - startedAt };
    },
  });
  return {
    contenders: [contender("galley"), contender("buildx")],
    rows: [
      {
        title: "Process start to first BuildKit request",
        subject: "galley",
        yardstick: "buildx",
        figure: "firstRequestMs",
        unit: "ms",
        target: target.within(250),
      },
      {
        title: "… to the end of a build of one file, cached",
        subject: "galley",
        yardstick: "buildx",
        unit: "ms",
      },
    ],
  };
}
