import { createRegistryAuth, loadDockerConfig, type RegistryAuth } from "../buildkit/index.js";

/** The logins of docker's configuration, as a service of the build's session. */
export async function registryAuth(
  env: NodeJS.ProcessEnv,
  onWarning: (message: string) => void,
): Promise<RegistryAuth> {
  return createRegistryAuth({ config: await loadDockerConfig(undefined, env), env, onWarning });
}
