import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { cachePlaces } from "./places.js";
import { replaceFile } from "./replace-file.js";
import { withLock } from "./repository-lock.js";

/** When an image was last used for a deployment: engines do not say. */
export interface ImageUse {
  /** RFC 3339. */
  readonly at: string;
  /** The last deployments, the newest first. */
  readonly usedBy: readonly string[];
}

const mostImages = 500;
const mostUsers = 10;

const fileOf = (dataDirectory: string, repoKey: string) =>
  join(cachePlaces(dataDirectory, repoKey).directory, "images.json");

/** By the image's id. Empty where nothing is known: then an image was used when it was made. */
export async function readImageUses(
  dataDirectory: string,
  repoKey: string,
): Promise<ReadonlyMap<string, ImageUse>> {
  const text = await readFile(fileOf(dataDirectory, repoKey), "utf8").catch(() => "{}");
  try {
    const found = Object.entries(Object(JSON.parse(text)) as Record<string, Partial<ImageUse>>);
    return new Map(
      found.filter((entry): entry is [string, ImageUse] => {
        const use = Object(entry[1]) as Partial<ImageUse>;
        return typeof use.at === "string" && Array.isArray(use.usedBy);
      }),
    );
  } catch {
    return new Map();
  }
}

export async function noteImageUses(
  dataDirectory: string,
  use: {
    readonly repoKey: string;
    /** Ids. */
    readonly images: readonly string[];
    readonly deployment: string;
    readonly at: string;
  },
  signal: AbortSignal,
): Promise<void> {
  const { repoKey, images, deployment, at } = use;
  const path = fileOf(dataDirectory, repoKey);
  await withLock(`${path}.lock`, signal, async () => {
    const known = new Map(await readImageUses(dataDirectory, repoKey));
    for (const image of images) {
      const before = known.get(image)?.usedBy.filter((id) => id !== deployment) ?? [];
      known.set(image, { at, usedBy: [deployment, ...before].slice(0, mostUsers) });
    }
    const newest = [...known].sort(([, a], [, b]) => (a.at < b.at ? 1 : -1)).slice(0, mostImages);
    await replaceFile(path, JSON.stringify(Object.fromEntries(newest)));
  });
}
