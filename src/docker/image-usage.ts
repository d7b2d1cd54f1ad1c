import { engineError } from "./api-error.js";
import type { Docker } from "./connect.js";
import { imagesInUse } from "./containers.js";
import { listImages } from "./images.js";
import { within } from "./within.js";

/** What images take on the engine's disk, in bytes. */
export interface ImageUsage {
  /** Of layers that one of ours has and no other image. */
  readonly ours: number;
  /** The same of all others. */
  readonly others: number;
  /** Of layers that several images have, whosever. */
  readonly shared: number;
  /** Of layers that an image without a container has for itself. */
  readonly reclaimable: number;
}

const limitMs = 120_000;

/** Undefined where the engine does not say it (before 23). It measures them for the answer, which may take it a while. */
export async function imageUsage(
  docker: Docker,
  isOurs: (labels: Readonly<Record<string, string>>) => boolean,
  signal: AbortSignal,
): Promise<ImageUsage | undefined> {
  const images = await listImages(docker, {}, signal);
  if (images.some(({ ownBytes }) => ownBytes === undefined)) return undefined;
  const [used, all] = await Promise.all([imagesInUse(docker, signal), layerBytes(docker, signal)]);
  const usage = { ours: 0, others: 0, reclaimable: 0 };
  for (const { id, labels, ownBytes = 0 } of images) {
    usage[isOurs(labels) ? "ours" : "others"] += ownBytes;
    if (!used.has(id)) usage.reclaimable += ownBytes;
  }
  return { ...usage, shared: Math.max(0, all - usage.ours - usage.others) };
}

/** Of all layers together. Asked for by its path: the client library asks for volumes with it, each file of which is looked at. */
async function layerBytes(docker: Docker, signal: AbortSignal): Promise<number> {
  try {
    const answer = await within(
      signal,
      (abortSignal) =>
        new Promise((resolve, reject) => {
          // The client library takes off the last character where a query is part of the path.
          const path = "/system/df?";
          const options = { type: "image" };
          const statusCodes = { 200: true, 500: "server error" };
          docker.modem.dial(
            { path, options, method: "GET", abortSignal, statusCodes },
            (error: unknown, found: unknown) => (error ? reject(error) : resolve(found)),
          );
        }),
      limitMs,
    );
    const { LayersSize: bytes } = Object(answer) as { LayersSize?: unknown };
    return typeof bytes === "number" && bytes > 0 ? bytes : 0;
  } catch (error) {
    throw engineError("images could not be measured", error, signal);
  }
}
