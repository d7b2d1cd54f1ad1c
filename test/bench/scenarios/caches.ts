import { cacheStage } from "../cache-stage.js";
import { prepareWays, type Way, wayName } from "../cache-ways.js";
import { type Distance, nextDoor } from "../package-registry.js";
import { type Row, type Scenario, type Target, target } from "../scenario.js";

/** A usual way to a registry: what takes long is what has to be fetched. */
const farAway: Distance = { latencyMs: 30, bytesPerSecond: 3e6 };
const far = `registry of ${farAway.bytesPerSecond / 1e6} MB/s`;
const faster = target.timesFaster(3);
/** Two runs of the same take so much more or less. */
const notSlower = target.atMost(1.05);

interface Line {
  readonly title: string;
  readonly way: Way;
  /** Whose buildx it is beside. Default: its own. */
  readonly beside?: Way;
  readonly target?: Target;
  /** Says what came from the registry, too. */
  readonly fetched?: boolean;
}

const scenario = (name: string, summary: string, lines: readonly Line[]): Scenario => ({
  name,
  summary,
  topic: "caches",
  images: ["node:22-slim"],
  setUp: async (bench) => ({
    ...prepareWays(
      bench,
      await cacheStage(bench),
      lines.map(({ way }) => way),
    ),
    rows: lines.flatMap(rowsOf),
  }),
});

function rowsOf({ title, way, beside = way, target, fetched }: Line): Row[] {
  const both = { subject: `galley-${wayName(way)}`, yardstick: `buildx-${wayName(beside)}` };
  return [
    { title, ...both, figure: "imagesMs", ...(target ? { target } : {}) },
    ...(fetched
      ? [{ title: "… bytes from the registry", ...both, figure: "fetchedBytes", unit: "MB" as const }]
      : []),
  ];
}

const warmApp: Way = { project: "app", from: "warm", distance: nextDoor };
const warmMono: Way = { project: "mono", from: "warm", distance: nextDoor };
export const cacheWarm = scenario(
  "cache-warm",
  "a push to a Node application and to a monorepo with npm cache mounts, everything warm",
  [
    { title: "Node application with an npm cache mount, warm: push of a source file", way: warmApp },
    {
      title: "5 services of a monorepo with an npm cache mount, warm: push to a shared package",
      way: warmMono,
    },
  ],
);

const prunedApp: Way = { project: "app", from: "pruned", distance: farAway };
const prunedMono: Way = { project: "mono", from: "pruned", distance: farAway };
/** In this order: what a build stores is what the next one finds. */
export const cachePruned = scenario(
  "cache-pruned",
  "the same pushes after `docker builder prune -af`, with caches stored and without",
  [
    { title: `Node application after a prune, ${far}`, way: prunedApp, target: faster, fetched: true },
    {
      title: "… of a push that wants a package more",
      way: { ...prunedApp, another: true },
      beside: prunedApp,
      target: faster,
      fetched: true,
    },
    {
      title: "… with nothing stored",
      way: { ...prunedApp, from: "nothing" },
      beside: prunedApp,
      target: notSlower,
    },
    {
      title: "… and a registry next door",
      way: { ...prunedApp, distance: nextDoor },
      target: notSlower,
    },
    {
      title: `5 services of a monorepo after a prune, ${far}`,
      way: prunedMono,
      target: faster,
      fetched: true,
    },
    {
      title: "… and a registry next door",
      way: { ...prunedMono, distance: nextDoor },
      target: notSlower,
    },
  ],
);

export const cacheMoved = scenario(
  "cache-moved",
  "the same pushes on a second, empty engine that has been given the stored caches",
  [
    {
      title: `Node application on an empty engine, ${far}`,
      way: { project: "app", from: "moved", distance: farAway },
      target: faster,
    },
    {
      title: "5 services of a monorepo on an empty engine, likewise",
      way: { project: "mono", from: "moved", distance: farAway },
      target: faster,
    },
  ],
);
