import { connectBuildkitd } from "./buildkitd.js";
import { connectDocker } from "./docker.js";
import { connectDockerContainer } from "./docker-container.js";
import type { Endpoint } from "./endpoint.js";
import type { BuildKitTransport } from "./transport.js";

/**
 * Opens the transport of an endpoint.
 *
 * @param env for ssh, which finds its agent and its configuration by it
 * @throws BuildKitError daemon_unreachable, daemon_permission, engine_unsupported, cancelled
 */
export async function connectTransport(
  endpoint: Endpoint,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<BuildKitTransport> {
  switch (endpoint.kind) {
    case "docker":
      return await connectDocker(endpoint.address, env, signal);
    case "buildkitd":
      return await connectBuildkitd(endpoint.address, env, signal);
    case "docker-container":
      return await connectDockerContainer(endpoint.container, endpoint.docker, env, signal);
  }
}
