import { type Docker, inspectImage, tagImage } from "../docker/index.js";
import type { BuildKeys } from "./keys.js";

/** The name under which the image of a key is kept. */
export function keyedName(project: string, key: string): string {
  return `galley/${project}:${key}`;
}

/** The image that one of the keys names, if the engine still has it. */
export async function findReusable(
  docker: Docker,
  project: string,
  keys: BuildKeys,
  signal: AbortSignal,
): Promise<string | undefined> {
  for (const key of [keys.narrow, keys.wide]) {
    if (key === undefined) continue;
    const image = await inspectImage(docker, keyedName(project, key), signal);
    if (image) return image.id;
  }
  return undefined;
}

export interface KeepOptions {
  readonly image: string;
  readonly project: string;
  readonly keys: BuildKeys;
  /** What the build took in is what the narrow key was made of. */
  readonly narrowHolds: boolean;
  readonly signal: AbortSignal;
}

/** Gives an image the names of its keys, so that equal inputs find it. */
export async function keepForReuse(docker: Docker, options: KeepOptions): Promise<void> {
  const { image, project, keys, narrowHolds, signal } = options;
  const names = [keys.wide, ...(keys.narrow !== undefined && narrowHolds ? [keys.narrow] : [])];
  for (const key of names) await tagImage(docker, image, keyedName(project, key), signal);
}
