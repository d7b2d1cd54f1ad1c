import { existsSync } from "node:fs";
import { cp, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Bench } from "../bench.js";
import { measureTogether } from "../measure.js";
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
  await cp(fixture("repos/monorepo"), folder, { recursive: true });
  const services = (await readdir(join(folder, "services"))).sort();
  const contender = (tool: "galley" | "buildx"): Contender => {
    const images = new Map(services.map((service) => [service, bench.image(`${service}-${tool}`)]));
    const command = (service: string) =>
      bench[tool]([
        ...plainBuild,
        "--no-cache",
        "-f",
        join(folder, "services", service, "Dockerfile"),
        "-t",
        images.get(service) ?? "",
        folder,
      ]);
    let before = "";
    const ids = async () =>
      (await Promise.all([...images.values()].map((image) => bench.imageId(image)))).join(" ");
    return {
      name: tool,
      run: () => measureTogether(services.map(command), bench.signal),
      after: async (run) => {
        const now = await ids();
        if (now === before) throw new Error(`monorepo: run ${run} of ${tool} has made nothing new`);
        before = now;
        return {};
      },
    };
  };
  return {
    contenders: [contender("galley"), contender("buildx")],
    rows: [
      {
        title: `${services.length} services of a monorepo at once, --no-cache, a process each`,
        subject: "galley",
        yardstick: "buildx",
      },
    ],
  };
}

/** A folder of test/fixtures; this file runs from dist/. */
function fixture(path: string): string {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    const found = join(folder, "test/fixtures", path);
    if (existsSync(found)) return found;
    if (folder === dirname(folder))
      throw new Error(`test/fixtures/${path} is missing: is this a whole clone?`);
  }
}
