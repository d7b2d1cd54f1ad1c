import type { EngineFacts, ImageFacts } from "../docker/index.js";
import { GalleyError } from "../errors/index.js";

/** Whether an engine runs `os/architecture` though its machine is another: by an emulator, or an older mode of its processor. */
export type Emulates = (platform: string) => Promise<boolean>;

/**
 * Looks whether an image is one for the engine's machine, before anything is started.
 *
 * @returns what a person should know of one that an emulator runs; undefined: nothing
 * @throws image_platform_unsupported for one that the engine cannot run
 */
export async function checkPlatform(
  service: string,
  image: Pick<ImageFacts, "os" | "architecture">,
  engine: Pick<EngineFacts, "os" | "architecture">,
  emulates: Emulates,
): Promise<string | undefined> {
  // Some tools write images that do not say.
  if (image.os === "" || image.architecture === "") return undefined;
  const [wanted, own] = [image, engine].map(({ os, architecture }) => `${os}/${architecture}`);
  if (wanted === undefined || wanted === own) return undefined;
  const what = `the image of service ${service} is for ${wanted}, and this engine is ${own}`;
  if (image.os === engine.os && (await emulates(wanted)))
    return `${what}: it is run by an emulator, and may be slow`;
  throw new GalleyError("image_platform_unsupported", what, {
    hint:
      `Name an image or a tag that is there for ${own}, let the Dockerfile build for it (no other --platform in FROM), ` +
      "or register an emulator on the engine's machine (binfmt).",
  });
}
