import { cp, readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Bench } from "../bench.js";
import { inClone } from "../in-clone.js";
import { type Measured, measureTogether } from "../measure.js";
import { plainBuild } from "../same-options.js";
import type { Contender, Prepared, Scenario } from "../scenario.js";

/** Five images of one repository at once, every step anew. */
export const monorepo: Scenario = {
  name: "monorepo",
  summary: "five services of one repository at once, without a cache",
  setUp,
};

async function setUp(bench: Bench): Promise<Prepared> {
  const folder = join(bench.folder, "monorepo");
  await cp(inClone("test/fixtures/repos/monorepo"), folder, { recursive: true });
  const services = (await readdir(join(folder, "services"))).sort();
  const contender = (name: string, run: (prefix: string) => Promise<Measured>): Contender => {
    const prefix = bench.image(`${name}-`, services);
    let before = "";
    return {
      name,
      run: () => run(prefix),
      after: async (number) => {
        const ids = await Promise.all(services.map((service) => bench.imageId(prefix + service)));
        if (ids.join() === before) throw new Error(`monorepo: run ${number} of ${name} has made nothing new`);
        before = ids.join();
        return {};
      },
    };
  };
  const processes = (tool: "galley" | "buildx") =>
    contender(tool, (prefix) =>
      measureTogether(
        services.map((service) => {
          const file = join(folder, "services", service, "Dockerfile");
          return bench[tool]([...plainBuild, "--no-cache", "-f", file, "-t", prefix + service, folder]);
        }),
        bench.signal,
      ),
    );
  const program = fileURLToPath(import.meta.resolve("../programs/services.js"));
  return {
    contenders: [
      processes("galley"),
      processes("buildx"),
      contender("together", (prefix) =>
        bench.measure({
          command: process.execPath,
          args: [program, folder, prefix, ...services],
          env: bench.env,
        }),
      ),
    ],
    rows: [
      {
        title: `${services.length} services of a monorepo at once, --no-cache, a process each`,
        subject: "galley",
        yardstick: "buildx",
      },
      {
        title: "… in one process, as the agent builds (buildx: a process each)",
        subject: "together",
        yardstick: "buildx",
      },
    ],
  };
}
