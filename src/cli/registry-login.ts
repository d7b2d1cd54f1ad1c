import type { RegistryAuth } from "../buildkit/index.js";
import { parseReference, type RegistryLogin } from "../docker/index.js";

/** What docker's configuration has for the registry of an image, in the form that the engine's API takes. */
export async function registryLogin(auth: RegistryAuth, image: string): Promise<RegistryLogin | undefined> {
  const found = await auth.credentials(parseReference(image).registry);
  switch (found.kind) {
    case "password":
      return { username: found.username, password: found.password };
    case "identity":
      return { identitytoken: found.token };
    case "bearer":
      return { registrytoken: found.token };
    case "anonymous":
      return undefined;
  }
}
