import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Bench } from "../bench.js";
import { commitFile, makeRepository, makeTree, manySmall, treeFile } from "../fixtures.js";
import { measureInTurn } from "../measure.js";
import { rawBuild } from "../same-options.js";
import { type Contender, type Prepared, type Scenario, target } from "../scenario.js";
import { readLogs, readTransfer, transferFigures } from "../transfer.js";

const changed = treeFile(12_345);

/**
 * A push of one changed file, from the remote repository to the build's end: what a preview does all day. The step reads
 * the changed file in place, so that the row is about the way there and not about the daemon copying 20,000 files.
 */
export const freshClone: Scenario = {
  name: "fresh-clone",
  summary: "one changed file of 20,000: fetch into a mirror and build, or clone and build",
  setUp,
};

async function setUp(bench: Bench): Promise<Prepared> {
  const folder = join(bench.folder, "fresh");
  const dockerfile = `FROM busybox\nRUN --mount=type=bind,target=/src cat /src/${changed} && ls /src/*/* | wc -l\n`;
  // Most repositories keep .git out of their builds, and this spares buildx from sending it.
  await makeTree(folder, manySmall, { Dockerfile: dockerfile, ".dockerignore": ".git\n" });
  const origin = join(bench.folder, "origin.git");
  await makeRepository(bench, origin, folder);
  await rm(folder, { recursive: true });
  const mirror = join(bench.folder, "mirror.git");
  await bench.measure(bench.git(["clone", "--quiet", "--mirror", `file://${origin}`, mirror]));
  const clone = join(bench.folder, "clone");

  const contender = (
    name: string,
    token: (run: number) => string,
    run: Contender["run"],
    before: Contender["before"] = async () => {},
  ): Contender => ({
    name,
    before: async (number) => {
      await before(number);
      await commitFile(bench, origin, changed, `${token(number)}\n`);
    },
    run,
    after: (number, { stderr, stdout }) => {
      const log = readLogs(stderr + stdout);
      if (!log.includes(token(number)) || !log.includes(String(manySmall.files)))
        throw new Error(`fresh-clone: ${name} has built something else:\n${log}`);
      return transferFigures(readTransfer(stderr + stdout));
    },
  });
  return {
    contenders: [
      contender(
        "galley",
        (run) => `galley ${run}`,
        () =>
          measureInTurn(
            [
              bench.git(["-C", mirror, "fetch", "--quiet", "origin", "+refs/heads/main:refs/heads/main"]),
              bench.galley([...rawBuild, "-o", "type=cacheonly", `${mirror}#main`]),
            ],
            bench.signal,
          ),
      ),
      contender(
        "buildx",
        (run) => `buildx ${run}`,
        () =>
          measureInTurn(
            [
              bench.git(["clone", "--quiet", "--depth", "1", `file://${origin}`, clone]),
              bench.buildx([...rawBuild, "-o", "type=cacheonly", clone]),
            ],
            bench.signal,
          ),
        // The same path again: the daemon may reuse what it knows of the last clone.
        () => rm(clone, { recursive: true, force: true }),
      ),
    ],
    rows: [
      {
        title: "One changed file of 20,000, remote to built (buildx: clone --depth 1 first)",
        subject: "galley",
        yardstick: "buildx",
        target: target.timesFaster(20),
      },
      {
        title: "… bytes of context sent",
        subject: "galley",
        yardstick: "buildx",
        figure: "sentBytes",
        unit: "MB",
        // A stat is some 60 bytes; a megabyte over that is files sent again.
        target: { text: "the file + metadata", met: (bytes) => bytes < manySmall.files * 100 },
      },
    ],
  };
}
