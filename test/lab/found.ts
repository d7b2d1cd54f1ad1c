// An engine that is not the lab's own: GALLEY_TEST_DOCKER_HOST names its socket. The tests then use it in place of the
// lab's engine of that version and store, and leave it running, with the images it had. It is named and not looked for,
// because tests fill its build cache.
import { request } from "node:http";
import { docker, type LabEngine, labEngine, labEngineNames } from "./engine.js";
import { script } from "./scripts.js";

interface Info {
  ServerVersion: string;
  DriverStatus: [string, string][] | null;
}

/** What answers at a `unix://` address, ready for tests but for its images. Rejects when tests do not know that version. */
export async function findEngine(dockerHost: string): Promise<LabEngine> {
  const { ServerVersion, DriverStatus } = await info(dockerHost);
  const containerd = DriverStatus?.some(([, value]) => value.startsWith("io.containerd.snapshotter"));
  const wanted = `${ServerVersion.split(".")[0]}${containerd ? "c" : ""}`;
  const name = labEngineNames.find((known) => known === wanted);
  if (name === undefined) {
    const store = containerd ? "the containerd image store" : "the plain image store";
    throw new Error(
      `GALLEY_TEST_DOCKER_HOST is Docker Engine ${ServerVersion} with ${store}; the tests know ${labEngineNames.join(", ")} (c: containerd)`,
    );
  }
  const engine = { ...labEngine(name), dockerHost, found: true };
  await script("binaries.sh", [String(engine.version)]); // for its docker CLI
  if (engine.version === 20) await script("binaries.sh", ["26"]); // which has the buildx for it
  return engine;
}

/** Gives the engine the registry's images that it lacks; resolves with a function that takes them away again. */
export async function lendImages(
  engine: LabEngine,
  registry: string,
  images: readonly string[],
): Promise<() => Promise<void>> {
  const lent: string[] = [];
  for (const image of images) {
    const has = async (name: string) =>
      (await docker(engine, ["image", "ls", "--quiet", name])).trim() !== "";
    if (await has(image)) continue;
    const pulled = `${registry}/library/${image}`;
    if (!(await has(pulled))) lent.push(pulled);
    await docker(engine, ["pull", "--quiet", pulled]);
    await docker(engine, ["tag", pulled, image]);
    lent.push(image);
  }
  return async () => {
    for (const image of lent) await docker(engine, ["image", "rm", "--force", image]);
  };
}

function info(dockerHost: string): Promise<Info> {
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) =>
      reject(new Error(`no Docker Engine answers at GALLEY_TEST_DOCKER_HOST=${dockerHost}`, { cause }));
    if (!dockerHost.startsWith("unix://")) return fail("it is not a unix:// address");
    const asked = request({
      socketPath: dockerHost.slice("unix://".length),
      path: "/info",
      signal: AbortSignal.timeout(20_000),
    });
    asked.on("error", fail).on("response", async (response) => {
      try {
        resolve(JSON.parse((await response.toArray()).join("")) as Info);
      } catch (error) {
        fail(error);
      }
    });
    asked.end();
  });
}
