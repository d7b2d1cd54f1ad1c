import { parseTarget } from "../buildkit/index.js";
import { connectDocker, type Docker } from "../docker/index.js";
import { GalleyError } from "../errors/index.js";

/** The API of the Docker Engine that DOCKER_HOST or the docker context names. Opens nothing yet. */
export async function connectEngine(env: NodeJS.ProcessEnv): Promise<Docker> {
  const endpoint = await parseTarget(undefined, env);
  if (endpoint.kind === "docker") {
    const { address } = endpoint;
    if (address.type === "unix") return await connectDocker({ socketPath: address.path });
    if (address.type === "tcp") {
      const { host, port, tls } = address;
      return await connectDocker({ host, port, ...(tls ? { tls } : {}) });
    }
  }
  throw new GalleyError(
    "config_invalid",
    "An agent needs the socket of a Docker Engine, or its address over TCP.",
    {
      hint: "Set DOCKER_HOST to unix:///var/run/docker.sock or tcp://HOST:PORT.",
    },
  );
}

/**
 * A directory of the engine's disk, as seen from here; undefined where none can be.
 *
 * @param rootDirectory where the engine keeps everything, on its own machine
 * @param inContainer this process runs in one of the engine's containers: what that has for a root is on the engine's disk, whose own path is not
 *   here
 */
export async function engineDirectory(
  rootDirectory: string,
  inContainer: boolean,
  env: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  if (inContainer) return "/";
  const endpoint = await parseTarget(undefined, env);
  // Over TCP it may be on another machine, and the path here another engine's.
  return endpoint.kind === "docker" && endpoint.address.type === "unix" ? rootDirectory : undefined;
}
