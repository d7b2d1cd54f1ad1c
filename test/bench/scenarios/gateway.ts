import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Bench } from "../bench.js";
import type { Contender, Prepared, Scenario } from "../scenario.js";

/** What it costs to know the lines of every step before the first one runs. Both sides are ours. */
export const gateway: Scenario = {
  name: "gateway",
  summary: "a cached solve in gateway mode beside one without",
  setUp,
};

async function setUp(bench: Bench): Promise<Prepared> {
  const folder = join(bench.folder, "gateway");
  await mkdir(folder);
  const copies = Array.from({ length: 20 }, (_, index) => `COPY Dockerfile /${index}\n`).join("");
  await writeFile(join(folder, "Dockerfile"), `FROM busybox\n${copies}`);
  const program = fileURLToPath(import.meta.resolve("../programs/solve.js"));
  const contender = (name: string, sourceMap: boolean): Contender => ({
    name,
    run: () =>
      bench.measure({
        command: process.execPath,
        args: [program, folder, String(sourceMap)],
        env: bench.env,
      }),
    after: (_run, { stdout }) => ({ solveMs: Number(stdout) }),
  });
  return {
    contenders: [contender("gateway", true), contender("plain", false)],
    rows: [
      {
        title: "Solve of 20 cached steps with the lines of each (beside: galley without them)",
        subject: "gateway",
        yardstick: "plain",
        figure: "solveMs",
        unit: "ms",
      },
    ],
  };
}
