import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Bench } from "../bench.js";
import { makeSparse } from "../fixtures.js";
import { rawBuild } from "../same-options.js";
import type { Prepared, Scenario } from "../scenario.js";
import { readLogs } from "../transfer.js";

const bytes = 5_000_000_000;

/** Whether memory depends on the size of a file. Without buildx: it would only take its time. */
export const hugeFile: Scenario = {
  name: "memory-5gb",
  summary: "memory of a context with one file of 5 GB (sparse here, whole on its way), once",
  once: true,
  setUp,
};

async function setUp(bench: Bench): Promise<Prepared> {
  const folder = join(bench.folder, "huge");
  await mkdir(folder);
  await writeFile(
    join(folder, "Dockerfile"),
    "FROM busybox\nRUN --mount=type=bind,target=/src stat -c 'size %s' /src/huge\n",
  );
  await makeSparse(join(folder, "huge"), bytes);
  return {
    contenders: [
      {
        name: "galley",
        run: () => bench.measure(bench.galley([...rawBuild, "--no-cache", "-o", "type=cacheonly", folder])),
        after: (_run, { stderr, stdout }) => {
          if (!readLogs(stderr + stdout).includes(`size ${bytes}`))
            throw new Error("memory-5gb: the file has not arrived whole");
          return {};
        },
      },
    ],
    rows: [{ title: "Context with one file of 5 GB (one run)", subject: "galley" }],
  };
}
