import { type Docker, findImages, imagesInUse, removeImage } from "../docker/index.js";
import { labelKeys } from "./labels.js";

/** What the names of images begin with that are built for previews. */
const OURS = "galley/";

/**
 * Removes the images that an agent has built for a project and that no container has, of whatever environment. Other names that somebody has given
 * such an image stay, and with them the image. While a deployment of the project is under way its images have no containers yet: the
 * caller sees to that.
 *
 * @returns how many it removed
 */
export async function removeUnusedImages(
  docker: Docker,
  { agent, project }: { readonly agent: string; readonly project: string },
  signal: AbortSignal,
): Promise<number> {
  const labels = { [labelKeys.agent]: agent, [labelKeys.project]: project };
  const images = await findImages(docker, labels, signal);
  const used = await imagesInUse(docker, signal);
  let removed = 0;
  for (const image of images)
    if (!used.has(image.id) && (await removeOwnNames(docker, image, signal))) removed += 1;
  return removed;
}

/**
 * Takes the names that we have given it away from an image, and with the last one the image. One that has none of ours but others is left alone.
 *
 * @returns false when it is still there
 */
export async function removeOwnNames(
  docker: Docker,
  { id, names }: { readonly id: string; readonly names: readonly string[] },
  signal: AbortSignal,
): Promise<boolean> {
  const foreign = names.filter((name) => !name.startsWith(OURS) && !name.startsWith("<none>"));
  const ours = names.filter((name) => name.startsWith(OURS));
  if (ours.length === 0 && foreign.length > 0) return false;
  let gone = true;
  for (const name of ours.length > 0 ? ours : [id]) gone = (await removeImage(docker, name, signal)) && gone;
  return gone && foreign.length === 0;
}
