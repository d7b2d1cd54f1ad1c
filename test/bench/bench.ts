// What a scenario gets: the two tools on one engine, a folder on the engine's own disk, and a daemon that can be made
// to forget what a run has left in it.
import { mkdtemp, rm, statfs } from "node:fs/promises";
import { join } from "node:path";
import { bringUpLab, type Lab } from "../lab/bring-up.js";
import {
  docker,
  engineEnv,
  type LabEngine,
  type LabEngineName,
  ownDockerConfig,
  purgeImage,
} from "../lab/engine.js";
import { labDirectory } from "../lab/scripts.js";
import { cliPath } from "./cli-path.js";
import { DaemonCache } from "./daemon-cache.js";
import { type Command, type Measured, measure } from "./measure.js";

/** Two copies of the largest context in the daemon, the context, an export. */
const mostDiskBytes = 16e9;

export interface BenchOptions {
  readonly engine: LabEngineName;
  /** Base images that the scenarios take, as base-images.sh calls them. */
  readonly images: readonly string[];
  /** That have to be free. Default: what the largest scenario needs. */
  readonly diskBytes?: number;
  /** How many previews are brought up at once where it is about many. Default: 20. */
  readonly environments?: number;
  readonly signal: AbortSignal;
  readonly report: (line: string) => void;
}

interface Parts {
  readonly engine: LabEngine;
  readonly lab: Lab;
  /** For files of any size; removed at the end. */
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
}

export class Bench implements Parts {
  readonly engine: LabEngine;
  readonly lab: Lab;
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
  readonly cache: DaemonCache;
  readonly options: BenchOptions;
  private readonly images: string[] = [];
  private readonly undo: (() => Promise<unknown>)[];

  private constructor(parts: Parts, options: BenchOptions, undo: (() => Promise<unknown>)[]) {
    this.engine = parts.engine;
    this.lab = parts.lab;
    this.folder = parts.folder;
    this.env = parts.env;
    this.cache = new DaemonCache(parts.env);
    this.options = options;
    this.undo = undo;
  }

  /** Brings the engine up if it is not; call `close` in any case. */
  static async open(options: BenchOptions): Promise<Bench> {
    const { signal, report, diskBytes = mostDiskBytes } = options;
    const lab = await bringUpLab({
      engines: [options.engine],
      images: options.images,
      report,
      signal,
    });
    const undo: (() => Promise<unknown>)[] = [() => lab.release()];
    try {
      const engine = lab.engines.find(({ name }) => name === options.engine);
      if (!engine) throw new Error(`the lab has not brought up the engine ${options.engine}`);
      const { bavail, bsize } = await statfs(labDirectory());
      if (bavail * bsize < diskBytes) {
        throw new Error(
          `${labDirectory()} has ${Math.round((bavail * bsize) / 1e9)} GB free; the benchmark needs ${diskBytes / 1e9} GB`,
        );
      }
      const folder = await mkdtemp(join(labDirectory(), "bench-"));
      undo.push(() => rm(folder, { recursive: true, force: true }));
      const config = await ownDockerConfig(engine);
      undo.push(() => config.remove());
      const env = { ...unsetting(engineEnv(engine)), DOCKER_CONFIG: config.folder };
      return new Bench({ engine, lab, folder, env }, options, undo);
    } catch (error) {
      for (const step of undo.reverse()) await step();
      throw error;
    }
  }

  get signal(): AbortSignal {
    return this.options.signal;
  }

  galley(args: readonly string[], env: NodeJS.ProcessEnv = {}): Command {
    return { command: process.execPath, args: [cliPath(), ...args], env: { ...this.env, ...env } };
  }

  buildx(args: readonly string[], env: NodeJS.ProcessEnv = {}): Command {
    return { command: "docker", args: ["buildx", ...args], env: { ...this.env, ...env } };
  }

  git(args: readonly string[]): Command {
    return {
      command: "git",
      args,
      env: { ...this.env, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_NOSYSTEM: "1" },
    };
  }

  measure(command: Command): Promise<Measured> {
    return measure(command, this.signal);
  }

  /** The name of an image, or with `suffixes` what the names of several begin with; they are removed at the end. */
  image(name: string, suffixes: readonly string[] = [""]): string {
    const reference = `galley-bench-${process.pid}/${name}`;
    this.images.push(...suffixes.map((suffix) => reference + suffix));
    return reference;
  }

  async imageId(reference: string): Promise<string> {
    return (await docker(this.engine, ["image", "inspect", "--format", "{{.Id}}", reference])).trim();
  }

  /** What to do when the benchmark ends, whatever happens; last in, first out. */
  atEnd(step: () => Promise<unknown>): void {
    this.undo.push(step);
  }

  /** Removes all images made so far, and everything large that the daemon has kept since the benchmark began. */
  async forget(): Promise<void> {
    for (const reference of this.images.splice(0)) await purgeImage(this.engine, reference);
    await this.cache.forget();
  }

  async close(): Promise<void> {
    const failed: unknown[] = [];
    await this.forget().catch((error) => failed.push(error));
    for (const step of this.undo.splice(0).reverse()) await step().catch((error) => failed.push(error));
    if (failed.length > 0) throw failed[0];
  }
}

/**
 * Without what a developer has set for himself: it would make the two tools different. NODE_EXTRA_CA_CERTS has Node read and parse a
 * bundle of certificates at every start (80 ms here), and nothing that is measured speaks https.
 */
function unsetting(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own =
    /^(BUILDX_|BUILDKIT_|DOCKER_(CONTEXT|BUILDKIT|DEFAULT_PLATFORM)|SOURCE_DATE_EPOCH|NODE_OPTIONS|NODE_EXTRA_CA_CERTS|NO_COLOR)/;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !own.test(name)));
}
