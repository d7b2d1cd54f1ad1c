import { parseTarget } from "../buildkit/index.js";
import { connectDocker, type Docker } from "../docker/index.js";
import { usageError } from "./usage-error.js";

/** The API of the Docker Engine that the docker command would use. */
export async function dockerConnection(env: NodeJS.ProcessEnv, target?: string): Promise<Docker> {
  const endpoint = await parseTarget(target, env);
  if (endpoint.kind !== "docker") {
    throw usageError(
      "containers need a Docker Engine, not a buildkitd",
      "Leave --builder away, or name a docker context.",
    );
  }
  const { address } = endpoint;
  switch (address.type) {
    case "unix":
      return connectDocker({ socketPath: address.path });
    case "tcp":
      return connectDocker({
        host: address.host,
        port: address.port,
        ...(address.tls ? { tls: address.tls } : {}),
      });
    case "ssh":
      throw usageError(
        "containers are not started on an engine behind ssh",
        "Forward its socket (ssh -L /tmp/docker.sock:/var/run/docker.sock HOST) and set DOCKER_HOST=unix:///tmp/docker.sock.",
      );
  }
}
