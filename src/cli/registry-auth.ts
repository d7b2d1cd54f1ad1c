import {
  createRegistryAuth,
  type DockerConfig,
  loadDockerConfig,
  type SessionService,
} from "../buildkit/index.js";

export interface RegistryAuth {
  readonly config: DockerConfig;
  readonly service: SessionService;
  /** Registries that there is a login for. */
  readonly hosts: readonly string[];
}

/** The logins of docker's configuration, as a service of the build's session. */
export async function registryAuth(
  env: NodeJS.ProcessEnv,
  onWarning: (message: string) => void,
): Promise<RegistryAuth> {
  const config = await loadDockerConfig(undefined, env);
  const hosts = [...Object.keys(config.auths ?? {}), ...Object.keys(config.credHelpers ?? {})].map((key) =>
    key.replace(/^https?:\/\//, "").replace(/\/.*$/, ""),
  );
  return { config, service: createRegistryAuth({ config, env, onWarning }), hosts };
}
