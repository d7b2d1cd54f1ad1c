import { join } from "node:path";
import type { Bench } from "../bench.js";
import { makeRepository, makeTree, manySmall } from "../fixtures.js";
import { plainBuild } from "../same-options.js";
import { type Contender, type Prepared, type Scenario, target } from "../scenario.js";

/** Nothing has changed since the last build: from a directory with both tools, and from git objects with ours. */
export const unchanged: Scenario = {
  name: "unchanged",
  summary: "rebuild of 20,000 files of which none has changed",
  setUp,
};

async function setUp(bench: Bench): Promise<Prepared> {
  const folder = join(bench.folder, "unchanged");
  await makeTree(folder, manySmall, { Dockerfile: "FROM scratch\nCOPY . /\n" });
  const repository = join(bench.folder, "unchanged.git");
  await makeRepository(bench, repository, folder);
  const ids = new Map<string, string>();
  const contender = (name: string, tool: "galley" | "buildx", context: string): Contender => {
    const image = bench.image(`unchanged-${name}`);
    return {
      name,
      run: () => bench.measure(bench[tool]([...plainBuild, "-t", image, context])),
      after: async () => {
        ids.set(name, await bench.imageId(image));
        return {};
      },
    };
  };
  return {
    contenders: [
      contender("directory", "galley", folder),
      contender("buildx", "buildx", folder),
      contender("git", "galley", `${repository}#main`),
    ],
    rows: [
      {
        title: "Unchanged rebuild, 20,000 × 4 KB, directory",
        subject: "directory",
        yardstick: "buildx",
        target: target.atMost(0.5),
      },
      {
        title: "Unchanged rebuild, 20,000 × 4 KB, git objects (buildx: directory)",
        subject: "git",
        yardstick: "buildx",
        target: target.atMost(0.5),
      },
    ],
    verify: async () => {
      // The daemon compares contents: one image means that each tool has sent the very same files.
      if (new Set(ids.values()).size !== 1)
        throw new Error(`unchanged: the images differ: ${JSON.stringify([...ids])}`);
    },
  };
}
