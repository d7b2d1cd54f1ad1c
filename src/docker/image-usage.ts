import type { Docker } from "./connect.js";
import { imagesInUse } from "./containers.js";
import { listImages } from "./images.js";

/** What images take on the engine's disk, in bytes. */
export interface ImageUsage {
  /** Of layers that one of ours has and no other image. */
  readonly ours: number;
  /** The same of all others. */
  readonly others: number;
  /**
   * Of layers that several images have, whosever: at least so much, as one image shares it with others. What all of them take together the engine
   * only says with BuildKit's in it (containerd store), and not while something is built.
   */
  readonly shared: number;
  /** Of layers that an image without a container has for itself. */
  readonly reclaimable: number;
}

/** Undefined where the engine does not say it (before 23). It measures them for the answer, which may take it a while. */
export async function imageUsage(
  docker: Docker,
  isOurs: (labels: Readonly<Record<string, string>>) => boolean,
  signal: AbortSignal,
): Promise<ImageUsage | undefined> {
  const images = await listImages(docker, {}, signal);
  if (images.some(({ ownBytes }) => ownBytes === undefined)) return undefined;
  const used = await imagesInUse(docker, signal);
  const usage = { ours: 0, others: 0, shared: 0, reclaimable: 0 };
  for (const { id, labels, ownBytes = 0, sharedBytes = 0 } of images) {
    usage[isOurs(labels) ? "ours" : "others"] += ownBytes;
    usage.shared = Math.max(usage.shared, sharedBytes);
    if (!used.has(id)) usage.reclaimable += ownBytes;
  }
  return usage;
}
