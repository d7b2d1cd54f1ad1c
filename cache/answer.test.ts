import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { BuildKitClient } from "../src/buildkit/index.js";
import {
  type CacheKind,
  type CacheProgress,
  type CacheQuestion,
  cacheAnswers,
} from "../src/cache-api/index.js";
import { answerCache } from "./answer.js";
import { writeBuildRecord } from "./build-record.js";
import { chunkStore } from "./chunks.js";
import { cachePlaces } from "./places.js";
import { refreshIndex } from "./repository-index.js";
import { storeArchive, writeStoredMount } from "./stored-mount.js";

let dataDirectory: string;
const { signal } = new AbortController();
beforeEach(async () => {
  dataDirectory = await mkdtemp(join(tmpdir(), "galley-answer-"));
  const places = cachePlaces(dataDirectory, "shop-1");
  const { chunks, content } = await storeArchive(
    (async function* () {
      yield Buffer.alloc(100_000, "x");
    })(),
    chunkStore(places.chunks),
    1e9,
  );
  const storedAt = "2026-01-01T00:00:00.000Z";
  await writeStoredMount(places.mount("base", "/root/.npm"), {
    ...{ v: 1, id: "/root/.npm", scope: "base", fingerprint: "f", storedAt },
    ...{ content, chunks },
  });
  const step = { name: "RUN npm ci", own: "o", files: "", key: "k", cached: false, took: 900 };
  await writeBuildRecord(places.builds, {
    ...{ v: 1, id: "dep1-web", service: "web", scope: "base", at: "2026-01-02T00:00:00.000Z" },
    ...{ took: 1_000, built: true, restored: [], steps: [{ ...step, mounts: ["/root/.npm"] }] },
  });
  await refreshIndex(places, signal);
});
afterEach(() => rm(dataDirectory, { recursive: true, force: true }));

const said: CacheProgress[] = [];
let closed = 0;
const answer = (question: CacheQuestion) =>
  answerCache(question, {
    dataDirectory,
    connect: async () =>
      ({
        features: async () => ({ cacheExport: false, localCacheImport: true }),
        diskUsage: async () => [{ type: "regular", size: 7, inUse: false, description: "x" }],
        close: () => {
          closed += 1;
        },
      }) as unknown as BuildKitClient,
    budget: async () => ({ all: 20e9, repository: 10e9 }),
    now: () => Date.parse("2026-01-10T00:00:00.000Z"),
    onProgress: (progress) => said.push(progress),
    signal,
  });

test("Every answer has the form that is promised to those who ask from afar, and nothing of it is lost on the way.", async () => {
  const repo = "shop-1";
  const prune = {
    ...{ ask: "prune" as const, repo, older: null, keep: null, dryRun: true },
    kinds: [] satisfies CacheKind[],
  };
  const questions: CacheQuestion[] = [
    { ask: "ls" },
    { ask: "show", repo },
    { ask: "inspect", repo, entry: "/root/.npm" },
    { ask: "explain", build: "dep1-web" },
    { ask: "du" },
    prune,
    { ...prune, dryRun: false, keep: 0 },
    { ask: "verify" },
  ];
  for (const question of questions) {
    const told = await answer(question);
    expect(cacheAnswers[question.ask].parse(JSON.parse(JSON.stringify(told))), question.ask).toEqual(told);
  }
  expect(closed).toBe(1);
});

test("What is older than so many seconds is told by a dry run, and goes without one.", async () => {
  const prune = { ask: "prune", repo: null, keep: null, kinds: [] } satisfies Partial<CacheQuestion>;
  const week = 7 * 86_400;
  expect(await answer({ ...prune, older: week + 2 * 86_400, dryRun: false })).toMatchObject({ removed: [] });
  expect(await answer({ ...prune, older: week, dryRun: true })).toMatchObject({
    dryRun: true,
    removed: [{ repo: "shop-1", kind: "mount", what: "/root/.npm" }],
  });
  expect(await answer({ ...prune, older: week, dryRun: false })).toMatchObject({ removed: [{}] });
  expect(await answer({ ask: "show", repo: "shop-1" })).toMatchObject({ mounts: [] });
});

test("What is not there, or cannot be told, is refused with its code; a long answer says how far it is.", async () => {
  await expect(answer({ ask: "explain", build: "dep9-web" })).rejects.toMatchObject({ code: "not_found" });
  await expect(answer({ ask: "show", repo: "../shop-1" })).rejects.toMatchObject({ code: "invalid_request" });
  await expect(
    answer({ ask: "prune", repo: null, older: null, keep: null, kinds: ["image"], dryRun: true }),
  ).rejects.toMatchObject({ code: "invalid_request" });
  said.length = 0;
  await answer({ ask: "verify" });
  expect(said).toEqual([{ done: 1, total: 1, what: "contents read" }]);
});
