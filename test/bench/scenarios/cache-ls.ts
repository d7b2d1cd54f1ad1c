import { join } from "node:path";
import type { Bench } from "../bench.js";
import { standBefore } from "../engine-door.js";
import { type KeptShape, makeKept } from "../kept-directory.js";
import { type Contender, type Prepared, type Scenario, target } from "../scenario.js";

const shape: KeptShape = { repositories: 200, records: 10_000 };

/** Looking at what is kept, of more than a host has. */
export const cacheLs: Scenario = {
  name: "cache-ls",
  summary: "`galley cache ls` over 200 repositories and 10,000 records",
  beside: "nothing",
  topic: "caches",
  images: [],
  setUp,
};

async function setUp(bench: Bench): Promise<Prepared> {
  const dataDirectory = join(bench.folder, "kept");
  await makeKept(dataDirectory, shape, bench.signal);
  let asked = 0;
  const door = await standBefore(bench.engine.dockerHost, () => {
    asked++;
  });
  const args = ["cache", "ls", "--data-dir", dataDirectory];
  const contender = (
    name: string,
    more: readonly string[],
    count: (stdout: string) => number,
  ): Contender => ({
    name,
    before: async () => {
      asked = 0;
    },
    run: () => bench.measure(bench.galley([...args, ...more], { DOCKER_HOST: door.dockerHost })),
    after: (_run, { stdout }) => {
      if (count(stdout) !== shape.repositories) throw new Error(`cache-ls: ${stdout.slice(0, 2000)}`);
      return { asked };
    },
  });
  return {
    contenders: [
      contender("table", [], (stdout) => stdout.trim().split("\n").length - 1),
      contender("json", ["--json"], (stdout) => (JSON.parse(stdout) as unknown[]).length),
    ],
    rows: [
      {
        title: "`galley cache ls` of 200 repositories, 10,000 records of builds and as many of the engine",
        subject: "table",
        unit: "ms",
        target: target.within(300),
      },
      { title: "… with --json", subject: "json", unit: "ms", target: target.within(300) },
      {
        title: "… questions to the engine",
        subject: "table",
        figure: "asked",
        unit: "calls",
        target: { text: "≤ 1", met: (calls) => calls <= 1 },
      },
    ],
    memoryRows: [],
    close: () => door.close(),
  };
}
