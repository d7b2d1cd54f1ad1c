import { type ImageUse, type Keeper, type Kept, readImageUses } from "../../cache/index.js";
import {
  type Docker,
  type ImageUsage,
  imagesInUse,
  imageUsage,
  type ListedImage,
  listImages,
} from "../docker/index.js";
import { removeOwnNames } from "../preview/index.js";
import type { ProjectImages } from "./project-images.js";

export interface KeptImagesOptions {
  readonly docker: Docker;
  /** Id. */
  readonly agent: string;
  readonly dataDirectory: string;
  readonly projectImages: ProjectImages;
}

const base = "base";
const ofAgent = "sh.galley.agent";
const ofProject = "sh.galley.project";
const ofRepository = "sh.galley.repository";
/** On images of forks alone. */
const ofScope = "sh.galley.cache-scope";

/**
 * Says at an image what it is kept for.
 *
 * @param scope whose builds made it: that of a fork
 */
export const imageLabels = (
  agent: string,
  project: { readonly id: string; readonly repoKey: string },
  scope: string,
): Readonly<Record<string, string>> => ({
  [ofAgent]: agent,
  [ofProject]: project.id,
  [ofRepository]: project.repoKey,
  ...(scope === base ? {} : { [ofScope]: scope }),
});

/** What images take of the engine's disk, those of these repositories and others. Undefined where the engine does not say. */
export const repositoryImages =
  (docker: Docker) =>
  (repoKeys: ReadonlySet<string>, signal: AbortSignal): Promise<ImageUsage | undefined> =>
    imageUsage(docker, (labels) => repoKeys.has(labels[ofRepository] ?? ""), signal);

/**
 * Images that this agent has built and that are kept so that equal inputs need no build. Those of containers stay, also of containers that
 * are stopped; and so do those of a project that is being deployed, whose images have no containers yet.
 */
export function keptImages(options: KeptImagesOptions): Keeper {
  const { docker, agent, dataDirectory, projectImages } = options;
  const list = async (signal: AbortSignal) => {
    const images = await listImages(docker, { [ofAgent]: agent }, signal);
    const used = await imagesInUse(docker, signal);
    const byRepository = new Map<string, ListedImage[]>();
    for (const image of images) {
      const repo = image.labels[ofRepository];
      // Those of an earlier version go with the project's next preview that ends.
      if (repo !== undefined) byRepository.set(repo, [...(byRepository.get(repo) ?? []), image]);
    }
    return await Promise.all(
      [...byRepository].map(async ([repo, found]) => {
        const uses = await readImageUses(dataDirectory, repo);
        const items = found.map((image) => keptImage(repo, image, uses.get(image.id), used.has(image.id)));
        return { repo, kind: "image" as const, bytes: items.reduce((sum, { size }) => sum + size, 0), items };
      }),
    );
  };
  return {
    kind: "image",
    list,
    remove: async ({ name }, signal) => {
      const images = await listImages(docker, { [ofAgent]: agent }, signal);
      const image = images.find(({ id }) => id === name);
      const project = image?.labels[ofProject];
      if (!image || project === undefined) return undefined;
      let freed: number | undefined;
      await projectImages.sweep(project, async () => {
        if ((await imagesInUse(docker, signal)).has(image.id)) return;
        if (await removeOwnNames(docker, image, signal)) freed = image.ownBytes ?? 0;
      });
      return freed;
    },
  };
}

export function keptImage(
  repo: string,
  { id, names, labels, createdAt, ownBytes }: ListedImage,
  use: ImageUse | undefined,
  inUse: boolean,
): Kept {
  return {
    ...{ kind: "image", repo, name: id, what: names.join(", ") || id, createdAt, inUse },
    scope: labels[ofScope] ?? base,
    size: ownBytes ?? 0,
    lastUsedAt: use?.at ?? createdAt,
    usedBy: use?.usedBy ?? [],
    cost: null,
  };
}
