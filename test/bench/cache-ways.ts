import type { CacheBuildRecord } from "../../cache/build-record.js";
import { docker } from "../lab/engine.js";
import type { Bench } from "./bench.js";
import type { CacheHost, CacheProject, CacheStage, Deployed } from "./cache-stage.js";
import { anotherPackage } from "./cached-repositories.js";
import { type Distance, nextDoor } from "./package-registry.js";
import type { Contender, Figures, Prepared } from "./scenario.js";
import { timed } from "./timed.js";

/** How a push is built. */
export interface Way {
  readonly project: "app" | "mono";
  /** `warm`: the engine has all of the last build. `pruned`: nothing. `nothing`: nor is anything stored. `moved`: a second, empty engine. */
  readonly from: "warm" | "pruned" | "nothing" | "moved";
  /** Of the registry. */
  readonly distance: Distance;
  /** The push wants a package that was never wanted before. */
  readonly another?: boolean;
}

/** Contenders are called `galley-` and `buildx-` with this. */
export const wayName = ({ project, from, distance, another }: Way): string =>
  [project, from, ...(distance === nextDoor ? [] : ["far"]), ...(another ? ["another"] : [])].join("-");

/** Buildx from cold does the same whatever Galley has stored, and whatever the push brings. */
const isOwn = ({ from, another }: Way) => from !== "nothing" && another !== true;

/** Of each way Galley's and, where it is one of its own, buildx's. */
export function prepareWays(
  bench: Bench,
  stage: CacheStage,
  ways: readonly Way[],
): Pick<Prepared, "contenders" | "memoryRows" | "verify"> {
  /** Of each contender without a package of its own: what its image has of packages. */
  const modules = new Map<string, string>();
  const contender = (tool: "galley" | "buildx", way: Way, make: MakeContender): Contender => {
    const { registry } = stage;
    const project = stage[way.project];
    const name = `${tool}-${wayName(way)}`;
    const made = make({ bench, stage, project, way });
    let before = 0;
    return {
      name,
      before: async (run) => {
        // What is done outside the clock need not wait for it.
        registry.distance = nextDoor;
        await made.before(`${name}-${process.pid}-${run}`);
        registry.distance = way.distance;
        before = registry.sent;
      },
      run: () => timed(made.run),
      after: async (run, { wallMs }) => {
        const fetchedBytes = registry.sent - before;
        if (run === 1 && way.another !== true) modules.set(name, await made.modules());
        return { imagesMs: wallMs, fetchedBytes, ...(await made.after()) };
      },
    };
  };
  return {
    contenders: ways.flatMap((way) => [
      contender("galley", way, withGalley),
      ...(isOwn(way) ? [contender("buildx", way, withBuildx)] : []),
    ]),
    memoryRows: [],
    verify: async () => {
      for (const project of ["app", "mono"]) {
        const found = [...modules].filter(([name]) => name.split("-")[1] === project);
        if (new Set(found.map(([, digest]) => digest)).size > 1)
          throw new Error(`the packages in the images differ: ${JSON.stringify(found)}`);
      }
    },
  };
}

type MakeContender = (place: {
  readonly bench: Bench;
  readonly stage: CacheStage;
  readonly project: CacheProject;
  readonly way: Way;
}) => {
  before(word: string): Promise<void>;
  run(): Promise<unknown>;
  modules(): Promise<string>;
  after(): Promise<Figures>;
};

const withGalley: MakeContender = ({ bench, stage, project, way }) => {
  const { from, another } = way;
  let host = stage.first;
  let done: Deployed | undefined;
  return {
    before: async (word) => {
      if (from === "moved") host = await stage.second();
      if (from === "pruned" || from === "nothing") await host.prune();
      if (from === "nothing") {
        const args = ["cache", "prune", project.key, "--data-dir", host.dataDirectory];
        await bench.measure(bench.galley(args));
      }
      await project.push({ word, ...(another ? { more: [anotherPackage(word)] } : {}) });
    },
    run: async () => {
      done = await project.deploy(host);
    },
    modules: () => {
      const built = done?.events.find(
        ({ type, service, image }) =>
          type === "build.finished" && service === firstService(project) && image !== undefined,
      );
      return modulesOf(host, project, String(built?.image));
    },
    after: async () => {
      if (!done) throw new Error("nothing was deployed");
      requireGiven(done.records, way);
      if (from === "moved") {
        await host.galley.terminate(done.environment);
        await host.empty();
      }
      return { imagesMs: done.imagesMs };
    },
  };
};

const withBuildx: MakeContender = ({ stage, project, way: { from } }) => {
  let host = stage.first;
  return {
    before: async (word) => {
      if (from === "moved") host = await stage.second();
      if (from === "pruned") await host.prune();
      await project.checkOut({ word });
    },
    run: () => project.buildx(host),
    modules: () => modulesOf(host, project, project.tag(firstService(project))),
    after: async () => {
      if (from === "moved") await host.empty();
      return {};
    },
  };
};

const firstService = ({ repository }: CacheProject): string => Object.keys(repository.services)[0] ?? "";

/** A digest of the packages in an image: names and contents. */
async function modulesOf(
  { engine }: CacheHost,
  { repository }: CacheProject,
  image: string,
): Promise<string> {
  const script = "find . -type f -exec sha256sum {} + | sort -k 2 | sha256sum";
  const run = [
    "run",
    "--rm",
    "--network",
    "none",
    "--workdir",
    repository.modules,
    image,
    "sh",
    "-c",
    script,
  ];
  return (await docker(engine, run)).trim();
}

/** Holds a build to what its row says of it. */
function requireGiven(records: readonly CacheBuildRecord[], way: Way): void {
  const layers = records.some((record) => (record.layers ?? []).length > 0);
  const filled = records.some(({ restored }) => restored.length > 0);
  const wanted = {
    warm: !layers && !filled,
    nothing: !layers && !filled,
    pruned: way.project === "mono" || way.another ? filled : layers && !filled,
    moved: way.project === "mono" ? filled : layers && !filled,
  };
  if (!wanted[way.from])
    throw new Error(
      `${wayName(way)}: layers were ${layers ? "" : "not "}given, mounts ${filled ? "" : "not "}filled`,
    );
}
