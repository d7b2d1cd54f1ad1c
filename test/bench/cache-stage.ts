// What the scenarios of caches share: engines of their own, which may be emptied, a Galley on each, and a registry that is as far away
// as it is told to be.
import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type CacheBuildRecord, readBuildRecord } from "../../cache/build-record.js";
import { listStoredLayers } from "../../cache/layer-store.js";
import { type CachePlaces, cachePlaces } from "../../cache/places.js";
import { listStoredMounts } from "../../cache/stored-mount.js";
import { repoKeyOf } from "../../src/bus/index.js";
import { docker, type LabEngine } from "../lab/engine.js";
import type { Bench } from "./bench.js";
import { type CachedRepository, monorepo, nodeApplication } from "./cached-repositories.js";
import { commitFiles, makeRepository } from "./fixtures.js";
import { furtherEngine } from "./further-engine.js";
import { measureTogether } from "./measure.js";
import { type PackageRegistry, startPackageRegistry } from "./package-registry.js";
import { startWholeGalley, type ToldEvent, type WholeGalley } from "./whole-galley.js";

/** One of two hosts: an engine and a Galley on it. */
export interface CacheHost {
  readonly engine: LabEngine;
  readonly galley: WholeGalley;
  /** The agent's GALLEY_DATA_DIR. */
  readonly dataDirectory: string;
  /** What the agent's log has of warnings. */
  warnings(): string;
  /** `docker builder prune -af`. */
  prune(): Promise<void>;
  /** No container, no image, no build cache. */
  empty(): Promise<void>;
}

export interface CacheStage {
  readonly registry: PackageRegistry;
  readonly app: CacheProject;
  readonly mono: CacheProject;
  readonly first: CacheHost;
  /** With the caches that the first one had stored when this was first asked for, moved by `galley cache export` and `import`. */
  second(): Promise<CacheHost>;
}

/** A repository that both tools build. */
export interface CacheProject {
  readonly repository: CachedRepository;
  readonly name: string;
  readonly key: string;
  push(push: Parameters<CachedRepository["files"]>[0]): Promise<void>;
  /** Until all that it has left to store is stored. */
  deploy(host: CacheHost): Promise<Deployed>;
  /** Puts the files where buildx builds from. */
  checkOut(push: Parameters<CachedRepository["files"]>[0]): Promise<void>;
  buildx(host: CacheHost): ReturnType<typeof measureTogether>;
  /** Of buildx's last build, by service. */
  readonly tag: (service: string) => string;
}

export interface Deployed {
  /** Milliseconds from the request for it until the images of all services are there. */
  readonly imagesMs: number;
  readonly environment: string;
  readonly events: readonly ToldEvent[];
  /** What is remembered of each service's build. */
  readonly records: readonly CacheBuildRecord[];
}

const images = ["busybox:latest", "node:22-slim"];
const storeMs = 120_000;
const stages = new WeakMap<Bench, Promise<CacheStage>>();

/** One for all scenarios: their engines take a while to come up. */
export function cacheStage(bench: Bench): Promise<CacheStage> {
  const stage = stages.get(bench) ?? setStage(bench);
  stages.set(bench, stage);
  return stage;
}

async function setStage(bench: Bench): Promise<CacheStage> {
  const engine = await furtherEngine(bench, "bencha", { images });
  const registry = await startPackageRegistry(gatewayOf(engine));
  bench.atEnd(() => registry.close());
  const first = await openHost(bench, engine, "caches-a");
  const app = await openProject(bench, nodeApplication(registry.url), first);
  const mono = await openProject(bench, monorepo(registry.url), first);
  // Something has to be stored before it can be found missing.
  for (const project of [app, mono]) {
    await project.push({ word: "stored" });
    await project.deploy(first);
  }
  let second: Promise<CacheHost> | undefined;
  const move = async () => {
    const host = await openHost(bench, await furtherEngine(bench, "benchb", { images: [] }), "caches-b");
    for (const { key, name, origin } of [app, mono]) {
      const file = join(bench.folder, `${name}-caches.tar`);
      const directory = (one: CacheHost) => ["--data-dir", one.dataDirectory];
      await bench.measure(bench.galley(["cache", "export", key, file, ...directory(first)]));
      await bench.measure(bench.galley(["cache", "import", file, ...directory(host)]));
      await host.galley.project(name, origin);
    }
    return host;
  };
  return {
    registry,
    app,
    mono,
    first,
    second: () => {
      second ??= move();
      return second;
    },
  };
}

async function openHost(bench: Bench, engine: LabEngine, name: string): Promise<CacheHost> {
  const galley = await startWholeGalley(bench, name, engine);
  const folder = join(bench.folder, `galley-${name}`);
  const on = (args: string[]) => docker(engine, args);
  return {
    engine,
    galley,
    dataDirectory: join(folder, "agent"),
    warnings: () =>
      readFileSync(join(folder, "logs/agent.log"), "utf8")
        .split("\n")
        .filter((line) => line.includes('"level":40') || line.includes('"level":50'))
        .join("\n"),
    prune: async () => void (await on(["builder", "prune", "--all", "--force"])),
    empty: async () => {
      await on(["system", "prune", "--all", "--force", "--volumes"]);
      await on(["builder", "prune", "--all", "--force"]);
    },
  };
}

/** Where the steps of all engines of this machine reach it. */
function gatewayOf({ dockerHost }: LabEngine): string {
  const octet = readFileSync(join(dirname(dockerHost.slice("unix://".length)), "octet"), "utf8").trim();
  return `10.${octet}.0.1`;
}

async function openProject(
  bench: Bench,
  repository: CachedRepository,
  first: CacheHost,
): Promise<CacheProject & { readonly origin: string }> {
  const { name, services } = repository;
  const checkout = join(bench.folder, `${name}-checkout`);
  const origin = join(bench.folder, `${name}.git`);
  const prefix = bench.image(`${name}-`, Object.keys(services));
  const checkOut: CacheProject["checkOut"] = async (push) => {
    for (const [path, text] of Object.entries(repository.files(push))) {
      await mkdir(dirname(join(checkout, path)), { recursive: true });
      await writeFile(join(checkout, path), text);
    }
  };
  await checkOut({ word: "first" });
  await makeRepository(bench, origin, checkout);
  await first.galley.project(name, origin);
  const key = repoKeyOf(`file://${origin}`);
  return {
    repository,
    name,
    key,
    origin,
    checkOut,
    tag: (service) => prefix + service,
    push: (push) => commitFiles(bench, origin, repository.files(push), "refs/pull/1/head"),
    deploy: async (host) => {
      const failures = failuresIn(host.warnings());
      const askedAt = Date.now();
      const { id, environment } = await host.galley.request(name, 1);
      const { events } = await host.galley.running(id);
      const imagesAt = Date.parse(events.find(({ state }) => state === "starting")?.at ?? "");
      const places = cachePlaces(host.dataDirectory, key);
      const builds = Object.keys(services).map((service) => `${id}-${service}`);
      const records = await untilStored(places, builds, host.warnings, failures, bench.signal);
      return { imagesMs: imagesAt - askedAt, environment: environment.id, events, records };
    },
    buildx: (host) => {
      const options = ["build", "--provenance=false", "--progress", "plain"];
      const env = { DOCKER_HOST: host.engine.dockerHost };
      return measureTogether(
        Object.entries(services).map(([service, file]) => {
          const args = [...options, "-f", join(checkout, file), "-t", prefix + service, checkout];
          return bench.buildx(args, env);
        }),
        bench.signal,
      );
    },
  };
}

/** Of layers that were not stored, as the agent says: BuildKit has forgotten the build already, for instance. */
const failuresIn = (warnings: string): number => warnings.split("storing layers failed").length - 1;

/** Waits until what builds have left to store is stored, mounts and layers, or was given up: nothing of it is to meet the next run. */
async function untilStored(
  places: CachePlaces,
  builds: readonly string[],
  warnings: () => string,
  failuresBefore: number,
  signal: AbortSignal,
): Promise<CacheBuildRecord[]> {
  const deadline = performance.now() + storeMs;
  for (;;) {
    const found = await Promise.all(builds.map((build) => readBuildRecord(places.builds, build)));
    const records = found.filter((record) => record !== undefined);
    if (records.length === builds.length) {
      const [layers, mounts] = await Promise.all([
        listStoredLayers(places),
        listStoredMounts(join(places.directory, "mounts")),
      ]);
      const withMounts = records.filter((record) =>
        record.steps.some((step) => step.mounts.length > 0 && !step.cached),
      );
      const since = (record: CacheBuildRecord) => new Date(Date.parse(record.at) + record.took).toISOString();
      const isStored = withMounts.every((record) =>
        mounts.some(({ stored }) => stored.storedAt >= since(record)),
      );
      const without = builds.filter((build) => !layers.some((stored) => stored.build === build));
      if (isStored && without.length <= failuresIn(warnings()) - failuresBefore) return records;
    }
    if (performance.now() > deadline)
      throw new Error(
        `what ${builds.join(", ")} have left was not stored within ${storeMs / 1000} s; the agent has warned:\n${warnings()}`,
      );
    await delay(50, undefined, { signal });
  }
}
