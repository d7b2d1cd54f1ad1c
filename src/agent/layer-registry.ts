import type { LayerRegistry } from "../../cache/index.js";
import { type Docker, findInRegistry, pushImage, removeImage, tagImage } from "../docker/index.js";
import { abortAfter, GalleyError } from "../errors/index.js";
import type { RegistryLogins } from "./registry-logins.js";

/** Some registries say of what is not there, or of a repository that nothing was pushed to yet, that it may not be read. */
const nothingThere: readonly string[] = ["image_login_required", "image_pull_denied"];

/** Also when it was told to end: a name that stayed would keep the image. */
const untagMs = 10_000;

/** The registry that layers go to, asked by the engine with the logins of the project. */
export function layerRegistry(
  prefix: string,
  { docker, logins }: { readonly docker: Docker; readonly logins: RegistryLogins },
): LayerRegistry {
  return {
    prefix,
    has: async (ref, signal) => {
      try {
        return (await findInRegistry(docker, ref, { signal, login: await logins.login(ref) })) !== undefined;
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof GalleyError && nothingThere.includes(error.code)) return false;
        throw error;
      }
    },
    push: async (image, ref, signal) => {
      await tagImage(docker, image, ref, signal);
      try {
        await pushImage(docker, ref, { signal, login: await logins.login(ref) });
      } finally {
        await removeImage(docker, ref, abortAfter(untagMs)).catch(() => {});
      }
    },
  };
}
