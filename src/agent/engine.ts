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
