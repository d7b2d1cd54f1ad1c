import { type CacheBuildRecord, listBuildRecords } from "./build-record.js";
import { layerBytes, listStoredLayers, type StoredLayers } from "./layer-store.js";
import { type CachePlaces, mountName } from "./places.js";

/** What is kept of layers for a repository. */
export interface LayersHere {
  /** Bytes on disk of all of them: they share what they have in common. */
  readonly bytes: number;
  readonly items: readonly IndexedLayers[];
}

/** The stored layers of a service, at a glance. */
export interface IndexedLayers {
  /** Names them in commands. */
  readonly name: string;
  readonly service: string;
  readonly scope: string;
  /** Bytes, with what others are made of, too. */
  readonly size: number;
  readonly storedAt: string;
  readonly lastUsedAt: string;
  /** The last builds that left them, or were given them. */
  readonly usedBy: readonly string[];
}

const usersKept = 10;

export async function layersOf(places: CachePlaces): Promise<LayersHere> {
  const stored = await listStoredLayers(places);
  if (stored.length === 0) return { bytes: await layerBytes(places), items: [] };
  const [bytes, records] = await Promise.all([layerBytes(places), listBuildRecords(places.builds)]);
  return { bytes, items: stored.map((one) => indexed(one, records)) };
}

/** @param records the newest first */
function indexed(stored: StoredLayers, records: readonly CacheBuildRecord[]): IndexedLayers {
  const { service, scope, storedAt, blobs } = stored;
  const users = records.filter(
    (record) => record.service === service && (record.layerScope === scope || record.layers?.includes(scope)),
  );
  const [last] = users;
  return {
    name: mountName(`layers\0${scope}\0${service}`),
    service,
    scope,
    size: blobs.reduce((sum, { size }) => sum + size, 0),
    storedAt,
    lastUsedAt: last && last.at > storedAt ? last.at : storedAt,
    usedBy: users.slice(0, usersKept).map(({ id }) => id),
  };
}
