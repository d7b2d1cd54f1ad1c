import { createHash } from "node:crypto";
import { type Docker, ensureVolume, type ImageFacts } from "../docker/index.js";
import type { Service } from "../manifest/index.js";
import { labelKeys, networkName, type Owner, ownerLabels } from "./labels.js";

/**
 * Makes the volumes of a database's image, under names that stay the same over all deployments, so that its rows do. Other services
 * keep nothing: their volumes go with their containers.
 *
 * @returns path inside to the name of the volume
 */
export async function ensureVolumes(
  docker: Docker,
  owner: Owner,
  service: Service,
  image: ImageFacts,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  if (service.kind !== "database") return {};
  const volumes: Record<string, string> = {};
  for (const path of [...image.volumes].sort()) {
    const mark = createHash("sha256").update(path).digest("hex").slice(0, 8);
    const name = `${networkName(owner.environment)}-${service.name}-${mark}`;
    await ensureVolume(docker, name, { ...ownerLabels(owner), [labelKeys.service]: service.name }, signal);
    volumes[path] = name;
  }
  return volumes;
}
