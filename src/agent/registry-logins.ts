import { createRegistryAuth, type RegistryAuth } from "../buildkit/index.js";
import type { Job } from "../bus/index.js";
import { parseReference, type RegistryLogin } from "../docker/index.js";

export interface RegistryLogins {
  /** For BuildKit, as a service of the session. */
  readonly auth: RegistryAuth;
  /** For the engine's own API. */
  login(image: string): Promise<RegistryLogin | undefined>;
}

/**
 * The project's own registry logins. Those of the machine's docker configuration are nobody's: any pull request could read with
 * them.
 *
 * @param readOnly tokens for nothing but reading, as for a fork's code
 * @param plainHttp whether the engine takes a registry over plain http: only then may it see its login that way
 */
export function registryLogins(
  registries: Job["registries"],
  plainHttp: (registry: string, signal: AbortSignal) => Promise<boolean>,
  readOnly: boolean,
): RegistryLogins {
  const auth = createRegistryAuth({ config: { auths: registries }, env: {}, plainHttp, readOnly });
  return {
    auth,
    login: async (image) => {
      const found = await auth.credentials(parseReference(image).registry);
      return found.kind === "password" ? { username: found.username, password: found.password } : undefined;
    },
  };
}
