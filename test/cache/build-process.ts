// One build through the caches of a data directory, or a collection that keeps nothing, in a process of its own that can be killed. What it is
// to do is its argument.
import type { LabEngine } from "../lab/engine.js";
import { type CacheBuildOptions, cacheWorld } from "./world.js";

export interface BuildTask {
  readonly engine: LabEngine;
  readonly dataDirectory: string;
  readonly build?: { readonly lines: string; readonly options: CacheBuildOptions };
}

const { engine, dataDirectory, build } = JSON.parse(process.argv[2] ?? "") as BuildTask;
const world = await cacheWorld(engine, { dataDirectory, ...(build ? {} : { budget: 1, share: 1 }) });
if (build) await world.build(build.lines, build.options);
else await world.caches.collect();
await world.caches.close();
world.client.close();
