// One build through the caches of a data directory, in a process of its own that can be killed. What it is to do is its argument.
import type { LabEngine } from "../lab/engine.js";
import { type CacheBuildOptions, cacheWorld } from "./world.js";

export interface BuildTask {
  readonly engine: LabEngine;
  readonly dataDirectory: string;
  readonly lines: string;
  readonly options: CacheBuildOptions;
}

const { engine, dataDirectory, lines, options } = JSON.parse(process.argv[2] ?? "") as BuildTask;
const world = await cacheWorld(engine, { dataDirectory });
await world.build(lines, options);
await world.caches.close();
world.client.close();
