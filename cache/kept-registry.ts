import { listBuildRecords } from "./build-record.js";
import type { Kept } from "./kept.js";
import { type CachePlaces, mountName } from "./places.js";
import { listRegistryLayers } from "./registry-record.js";

/** What has gone to a registry for a repository, as far as it is known here. It takes nothing of this disk, and is not collected from here. */
export async function keptInRegistry(places: CachePlaces, repo: string): Promise<Kept[]> {
  const stored = await listRegistryLayers(places);
  if (stored.length === 0) return [];
  const records = await listBuildRecords(places.builds);
  return stored.map(({ service, scope, ref, build, storedAt }) => {
    const users = records
      .filter((record) => record.registry?.includes(ref))
      .map(({ id, at }) => ({ id, at }));
    const [last] = users;
    return {
      ...{
        kind: "registry",
        repo,
        name: mountName(`registry\0${scope}\0${service}`),
        what: ref,
        scope,
        size: 0,
      },
      createdAt: storedAt,
      lastUsedAt: last && last.at > storedAt ? last.at : storedAt,
      usedBy: [...new Set([...users.map(({ id }) => id), build])].slice(0, 10),
      ...{ cost: null, inUse: false },
    };
  });
}
