// Brings the lab up: the registry, the engines and their base images, whatever of them is missing, side by side. Used by
// the tests' global set-up and by the benchmark; knows nothing of what runs on the engines.
import { spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type LabEngine, type LabEngineName, type LabRegistry, labEngine, labEngineNames } from "./engine.js";
import { findEngine, lendImages } from "./found.js";
import { labDirectory, labUnmet, script } from "./scripts.js";

export interface LabRequest {
  /** Default: all four. */
  engines?: readonly LabEngineName[];
  /** Tags of base-images.sh's table, on every engine when this returns. */
  images: readonly string[];
  /** Gets a line per slow step. Default: says nothing. */
  report?: (line: string) => void;
  signal?: AbortSignal;
}

export interface Lab {
  engines: LabEngine[];
  registry: LabRegistry;
  /**
   * Stops what tests have started and no other run uses; what was running before stays. GALLEY_LAB_KEEP=1 leaves all
   * of it running. What is on disk stays in any case.
   */
  release(): Promise<void>;
}

/** The instance that makes the base images, and goes when it has: the engines under test start without its build cache. */
const maker = "maker";

/** Rejects with one sentence when this machine cannot have the lab, or with the failed script's last words. */
export async function bringUpLab(request: LabRequest): Promise<Lab> {
  const { report, signal, images } = request;
  const wanted = request.engines ?? labEngineNames;
  const options = { report, signal };
  const unmet = await labUnmet();
  if (unmet) throw new Error(unmet);
  const letGo = await holdLab(signal);
  let takeBack = async () => {};
  const release = async () => {
    await takeBack();
    await letGo();
    await script("stop-marked.sh", process.env.GALLEY_LAB_KEEP === "1" ? ["--keep"] : [], { report });
  };
  try {
    await script("-c", ["host_tools"], options);
    const address = process.env.GALLEY_TEST_DOCKER_HOST;
    const there = address ? await findEngine(address) : undefined;
    const found = there && wanted.includes(there.name) ? there : undefined;
    const names = wanted.filter((name) => name !== found?.name);
    const open = `127.0.0.1:${process.env.LAB_REGISTRY_PORT || "5000"}`;
    const mark = ["--mark", "--registry-mirror", `http://${open}`];
    const engineUp = (name: LabEngineName) => script("engine-up.sh", [name, ...mark], options);
    const lacking = async () =>
      (await script("base-images.sh", ["lacking", "--push", open, ...images], options)).trim();
    const registryUp = script("registry.sh", ["up", "--mark"], options);
    const toMake = registryUp.then(lacking).then((list) => list !== "");
    await allSettledOrThrow([
      toMake.then(async (make) => {
        if (make) await script("base-images.sh", ["prepare", ...images], options);
      }),
      toMake.then(async (make) => {
        if (make) await script("engine-up.sh", ["28c", "--name", maker, ...mark], options);
      }),
      ...names.map(engineUp),
    ]);
    if (await toMake) {
      const { dockerHost, dockerConfig, path } = labEngine("28c");
      const env = {
        DOCKER_HOST: dockerHost.replace("/28c/", `/${maker}/`),
        DOCKER_CONFIG: dockerConfig,
        PATH: path,
      };
      await script("base-images.sh", ["make", "--push", open, ...images], { ...options, env });
      await script("engine-down.sh", [maker, "--purge"], options);
    }
    const ready = names.map(labEngine);
    if (found) takeBack = await lendImages(found, open, images);
    await allSettledOrThrow(
      ready.map(({ name, path }) =>
        script("pull-images.sh", [name, ...images], { ...options, env: { PATH: path } }),
      ),
    );
    return {
      engines: found ? [found, ...ready] : ready,
      registry: {
        open,
        auth: {
          host: `127.0.0.1:${process.env.LAB_REGISTRY_AUTH_PORT || "5001"}`,
          username: "tester",
          password: "s3cret",
        },
      },
      release,
    };
  } catch (error) {
    await release();
    throw error;
  }
}

/** Waits for all, so that no script runs on unseen, and then throws what failed first. */
async function allSettledOrThrow(steps: Promise<unknown>[]): Promise<void> {
  for (const step of await Promise.allSettled(steps)) if (step.status === "rejected") throw step.reason;
}

/** Takes this run's share of the lab; the lock ends with this process, however it ends. Resolves with its release. */
async function holdLab(signal?: AbortSignal): Promise<() => Promise<void>> {
  await mkdir(labDirectory(), { recursive: true });
  const holder = spawn("flock", ["-s", join(labDirectory(), "in-use"), "sh", "-c", "echo held; exec cat"], {
    stdio: ["pipe", "pipe", "inherit"],
    signal,
  });
  const ended = new Promise<void>((resolve) => holder.on("close", () => resolve()));
  await new Promise<void>((resolve, reject) => {
    holder.on("error", reject);
    holder.stdout.once("data", () => resolve());
    ended.then(() => reject(new Error("flock, of the package util-linux, did not start")));
  });
  holder.stdout.resume();
  return async () => {
    holder.stdin.end();
    await ended;
  };
}
