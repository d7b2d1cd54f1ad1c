// Fills a data directory with what builds would have left: repositories with stored cache mounts and records of builds.
import { createHash, randomBytes } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { writeBuildRecord } from "../../cache/build-record.js";
import { chunkStore } from "../../cache/chunks.js";
import { blobPath, writeStoredLayers } from "../../cache/layer-store.js";
import { cachePlaces } from "../../cache/places.js";
import { refreshIndex } from "../../cache/repository-index.js";
import { storeArchive, writeStoredMount } from "../../cache/stored-mount.js";

export interface KeptMount {
  readonly id: string;
  readonly scope?: string;
  readonly storedAt: string;
  /** Bytes on disk, about. Default: few. */
  readonly stored?: number;
  /** Largest directories; the mount is as large as the first of them. */
  readonly directories: readonly { readonly path: string; readonly bytes: number; readonly files: number }[];
}

export interface KeptLayers {
  readonly service: string;
  readonly scope?: string;
  readonly storedAt: string;
  /** Bytes of each. */
  readonly sizes: readonly number[];
}

export interface KeptBuild {
  readonly id: string;
  readonly scope?: string;
  readonly at: string;
  readonly took: number;
  readonly steps: readonly {
    readonly name: string;
    readonly cached: boolean;
    readonly took?: number;
    readonly mounts?: readonly string[];
    readonly files?: string;
  }[];
}

export async function keepRepository(
  dataDirectory: string,
  repoKey: string,
  {
    mounts = [],
    layers = [],
    builds = [],
  }: { mounts?: readonly KeptMount[]; layers?: readonly KeptLayers[]; builds?: readonly KeptBuild[] },
): Promise<void> {
  const places = cachePlaces(dataDirectory, repoKey);
  for (const { id, scope = "base", storedAt, directories, stored = 1_000 } of mounts) {
    const { chunks } = await storeArchive(
      (async function* () {
        yield randomBytes(stored);
      })(),
      chunkStore(places.chunks),
      1e9,
    );
    const [{ bytes = 0, files = 0 } = {}] = directories;
    await writeStoredMount(places.mount(scope, id), {
      ...{ v: 1, id, scope, fingerprint: "f", storedAt, chunks },
      content: { bytes, entries: files, directories },
    });
  }
  for (const { service, scope = "base", storedAt, sizes } of layers) {
    const blobs = [];
    for (const size of sizes) {
      const content = randomBytes(size);
      const digest = `sha256:${createHash("sha256").update(content).digest("hex")}`;
      const path = blobPath(places.layers, digest);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, content);
      blobs.push({ digest, size });
    }
    await writeStoredLayers(places, {
      ...{ v: 1, service, scope, storedAt, blobs, records: [], keys: [] },
      ...{ build: `dep0-${service}`, manifest: blobs[0]?.digest ?? "" },
    });
  }
  for (const { id, scope = "base", at, took, steps } of builds)
    await writeBuildRecord(places.builds, {
      ...{ v: 1, id, scope, at, took, built: true, restored: [] },
      service: id.slice(id.indexOf("-") + 1),
      steps: steps.map(({ name, cached, took: ms = 0, mounts: used = [], files = "" }) => ({
        ...{ name, cached, took: ms, mounts: used, files, own: name, key: `${name}${files}` },
      })),
    });
  await refreshIndex(places, AbortSignal.timeout(20_000));
}

/** What is stored of a mount is no longer what it was. */
export const damageRepository = (dataDirectory: string, repoKey: string): Promise<void> =>
  rm(cachePlaces(dataDirectory, repoKey).chunks, { recursive: true });
