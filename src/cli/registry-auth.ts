import {
  createRegistryAuth,
  type DockerConfig,
  loadDockerConfig,
  type RegistryAuth,
} from "../buildkit/index.js";

/** The logins of docker's configuration, as a service of the build's session. */
export async function registryAuth(
  env: NodeJS.ProcessEnv,
  onWarning: (message: string) => void,
  config?: DockerConfig,
): Promise<RegistryAuth> {
  return createRegistryAuth({ config: config ?? (await loadDockerConfig(undefined, env)), env, onWarning });
}
