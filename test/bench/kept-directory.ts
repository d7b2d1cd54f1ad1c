import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CacheBuildRecord } from "../../cache/build-record.js";
import { chunkStore } from "../../cache/chunks.js";
import { writeEngineKept } from "../../cache/engine-kept.js";
import type { Kept } from "../../cache/kept.js";
import { cachePlaces } from "../../cache/places.js";
import { refreshIndex } from "../../cache/repository-index.js";
import { storeArchive, writeStoredMount } from "../../cache/stored-mount.js";

export interface KeptShape {
  readonly repositories: number;
  /** Of builds, and as many that the engine holds, in all repositories together. */
  readonly records: number;
}

const mountIds = ["/root/.npm", "/root/.cache"];
const stepsEach = 8;
const begin = Date.parse("2026-01-01T00:00:00.000Z");

/** Fills a data directory as agents leave it that have built many repositories often. */
export async function makeKept(dataDirectory: string, shape: KeptShape, signal: AbortSignal): Promise<void> {
  const each = Math.ceil(shape.records / shape.repositories);
  const held: Kept[] = [];
  for (let index = 0; index < shape.repositories; index++) {
    const repo = `github.com-acme-service-${String(index).padStart(4, "0")}`;
    const places = cachePlaces(dataDirectory, repo);
    await mkdir(places.builds, { recursive: true });
    for (const id of mountIds) {
      const archive = (async function* () {
        yield randomBytes(1000);
      })();
      const { chunks, content } = await storeArchive(archive, chunkStore(places.chunks), 1e9);
      await writeStoredMount(places.mount("base", id), {
        ...{ v: 1, id, scope: "base", fingerprint: "f", chunks, content },
        storedAt: new Date(begin).toISOString(),
      });
    }
    await Promise.all(
      Array.from({ length: each }, (_, number) => {
        const record = recordOf(index, number);
        return writeFile(join(places.builds, `${record.id}.json`), JSON.stringify(record));
      }),
    );
    await refreshIndex(places, signal);
    for (let number = 0; number < each; number++) held.push(heldOf(repo, index, number));
  }
  await writeEngineKept(dataDirectory, { at: new Date().toISOString(), kept: held });
}

const idOf = (repository: number, number: number) => `d${repository}x${number}-web`;

function recordOf(repository: number, number: number): CacheBuildRecord {
  const cached = (step: number) => step < number % stepsEach;
  return {
    ...{ v: 1, id: idOf(repository, number), service: "web", scope: "base", took: 30_000, built: true },
    at: new Date(begin + (number * 200 + repository) * 60_000).toISOString(),
    steps: Array.from({ length: stepsEach }, (_, step) => ({
      ...{ key: `k${step}`, own: `o${step}`, files: `f${step}` },
      name: `[web ${step + 1}/${stepsEach}] RUN --mount=type=cache,target=/root/.npm npm run step-${step}`,
      cached: cached(step),
      took: cached(step) ? 0 : 3000,
      mounts: step === 2 ? [...mountIds] : [],
    })),
    ...{ restored: [], layers: [], layerScope: "base" },
  };
}

function heldOf(repo: string, repository: number, number: number): Kept {
  const at = new Date(begin + number * 60_000).toISOString();
  return {
    ...{
      kind: "record",
      repo,
      name: `r${repository}x${number}`,
      what: `/root/.cache/${number}`,
      scope: "base",
    },
    ...{ size: 1_000_000, createdAt: at, lastUsedAt: at, cost: null, inUse: false },
    usedBy: [idOf(repository, number)],
  };
}
