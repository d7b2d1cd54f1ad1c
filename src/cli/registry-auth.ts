import {
  type BuildKitClient,
  createRegistryAuth,
  type DockerConfig,
  loadDockerConfig,
  type RegistryAuth,
} from "../buildkit/index.js";

/** The logins of docker's configuration, as a service of the build's session. `client` is asked for its insecure registries. */
export async function registryAuth(
  env: NodeJS.ProcessEnv,
  onWarning: (message: string) => void,
  client?: BuildKitClient,
  config?: DockerConfig,
): Promise<RegistryAuth> {
  return createRegistryAuth({
    config: config ?? (await loadDockerConfig(undefined, env)),
    env,
    onWarning,
    ...(client ? { plainHttp: (registry, signal) => client.takesPlainHttp(registry, signal) } : {}),
  });
}
