import { createHash } from "node:crypto";
import { type Docker, ensureVolume, type ImageFacts, type VolumeMount } from "../docker/index.js";
import type { Manifest, Service } from "../manifest/index.js";
import { labelKeys, networkName, type Owner, ownerLabels } from "./labels.js";

/** A volume of a service, before it is made. */
export interface PlannedVolume {
  readonly target: string;
  /** Absent: one without a name, which goes with the container. */
  readonly name?: string | undefined;
  readonly readOnly: boolean;
  /** Whose it is: one service's, or any's that names it. */
  readonly shared: boolean;
  /** It goes with its deployment: all who share it keep nothing. */
  readonly fresh: boolean;
}

/**
 * What a service has mounted: the paths that a database's image declares and the manifest's volumes, under names that stay the same over
 * all deployments, so that the rows do. An `ephemeral` service has volumes without a name instead. What other images declare goes with
 * their containers, too.
 *
 * @param number of the deployment
 */
export function volumesOf(
  owner: Owner,
  service: Service,
  image: Pick<ImageFacts, "volumes">,
  manifest: Pick<Manifest, "services">,
  number: number,
): PlannedVolume[] {
  const network = networkName(owner.environment);
  const declared = service.volumes ?? [];
  const taken = new Set(declared.map(({ target }) => target));
  const ofImage =
    service.kind === "database" ? [...image.volumes].sort().filter((path) => !taken.has(path)) : [];
  const own = (target: string) =>
    service.ephemeral ? undefined : `${network}-${service.name}-${markOf(target)}`;
  return [
    ...ofImage.map((target) => ({ target, name: own(target), readOnly: false, shared: false, fresh: false })),
    ...declared.map(({ target, name, readOnly }) => {
      if (name === undefined) return { target, name: own(target), readOnly, shared: false, fresh: false };
      const users = manifest.services.filter(({ volumes }) => volumes?.some((one) => one.name === name));
      const fresh = users.every(({ ephemeral }) => ephemeral === true);
      const whole = fresh ? `${network}.${name}.${number}` : `${network}.${name}`;
      return { target, name: whole, readOnly, shared: users.length > 1, fresh };
    }),
  ];
}

/**
 * Whether two containers of a service would write to the same volume: then the old one has to stop before the new one starts. Where several
 * services share a volume by its name they are meant to be able to.
 */
export function writesAlone(service: Service, volumes: readonly PlannedVolume[]): boolean {
  return volumes.some(
    ({ name, readOnly, shared, fresh }) =>
      name !== undefined && !readOnly && !fresh && (!shared || service.kind === "database"),
  );
}

/** Makes those that have a name, unless they are there. */
export async function ensureVolumes(
  docker: Docker,
  owner: Owner,
  service: string,
  volumes: readonly PlannedVolume[],
  number: number,
  signal: AbortSignal,
): Promise<void> {
  for (const { name, shared, fresh } of volumes) {
    if (name === undefined) continue;
    const labels = {
      ...ownerLabels(owner),
      ...(shared ? {} : { [labelKeys.service]: service }),
      ...(fresh ? { [labelKeys.number]: String(number) } : {}),
    };
    await ensureVolume(docker, name, labels, signal);
  }
}

export const mountsOf = (volumes: readonly PlannedVolume[]): VolumeMount[] =>
  volumes.map(({ target, name, readOnly }) => ({ target, volume: name, readOnly }));

const markOf = (path: string) => createHash("sha256").update(path).digest("hex").slice(0, 8);
