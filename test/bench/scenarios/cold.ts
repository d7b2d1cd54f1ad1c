import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Bench } from "../bench.js";
import { fewLarge, makeTree, manySmall, type TreeShape, treeBytes } from "../fixtures.js";
import { plainBuild, rawBuild } from "../same-options.js";
import { type Contender, type Prepared, type Row, type Scenario, target } from "../scenario.js";
import { readTransfer, transferFigures } from "../transfer.js";

/** A context of which the daemon knows nothing. */
export const coldSmall: Scenario = {
  name: "cold-small",
  summary: "first build of 20,000 files of 4 KB",
  setUp: (bench) =>
    setUp(bench, "cold-small", manySmall, "20,000 × 4 KB", {
      title: "… its upload alone, files/s",
      figure: "filesPerSecond",
      unit: "files/s",
    }),
};

export const coldLarge: Scenario = {
  name: "cold-large",
  summary: "first build of 50 files of 10 MB",
  setUp: (bench) =>
    setUp(bench, "cold-large", fewLarge, "500 MB in 50 files", {
      title: "… its upload alone, MB/s",
      figure: "bytesPerSecond",
      unit: "MB/s",
    }),
};

async function setUp(
  bench: Bench,
  name: string,
  shape: TreeShape,
  words: string,
  upload: Pick<Row, "title" | "figure" | "unit">,
): Promise<Prepared> {
  let folder = join(bench.folder, name);
  await makeTree(folder, shape, { Dockerfile: "FROM scratch\nCOPY . /\n" });
  const contender = (tool: "galley" | "buildx"): Contender => ({
    name: tool,
    before: async (run) => {
      await bench.forget();
      // Both tools derive from the path by what name the daemon keeps a context, and the daemon knows a COPY again by
      // the contents: a new path and one new file, and nothing can be used again.
      const next = join(bench.folder, `${name}-${tool}-${run}`);
      await rename(folder, next);
      folder = next;
      await writeFile(join(folder, "run"), `${tool} ${run}\n`);
    },
    run: () => bench.measure(bench[tool]([...rawBuild, "-o", "type=cacheonly", folder])),
    after: (_run, { stderr, stdout }) => {
      const transfer = readTransfer(stderr + stdout);
      if (transfer.bytes < treeBytes(shape))
        throw new Error(`${name}: ${tool} has sent ${transfer.bytes} bytes of ${treeBytes(shape)}`);
      return { ...transferFigures(transfer), filesPerSecond: shape.files / (transfer.ms / 1000) };
    },
  });
  return {
    contenders: [contender("galley"), contender("buildx")],
    rows: [
      { title: `Cold context, ${words}`, subject: "galley", yardstick: "buildx" },
      { ...upload, subject: "galley", yardstick: "buildx", target: target.atLeast(0.8) },
    ],
    verify: async () => {
      // The daemon knows a COPY again by what it has received: with one image for both, both have sent the same files.
      const ids: string[] = [];
      for (const tool of ["galley", "buildx"] as const) {
        const image = bench.image(`${name}-${tool}`);
        await bench.measure(bench[tool]([...plainBuild, "-t", image, folder]));
        ids.push(await bench.imageId(image));
      }
      if (ids[0] !== ids[1]) throw new Error(`${name}: the images differ: ${ids.join(" and ")}`);
    },
  };
}
