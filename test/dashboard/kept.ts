// What a made-up agent keeps: repositories with cache mounts and builds, and the records of its BuildKit.
import { randomUUID } from "node:crypto";
import { writeEngineKept } from "../../cache/engine-kept.js";
import { noticeReply, request } from "../../src/bus/index.js";
import type { CacheEvent } from "../../src/events/index.js";
import type { TestAgent } from "../queue/agent.js";
import { keepRepository } from "../support/cache-store.js";
import type { UsageTold } from "../support/cached-agent.js";

const minute = 60_000;
const day = 86_400_000;
const ago = (milliseconds: number) => new Date(Date.now() - milliseconds).toISOString();

/** `shop` has what a week of work leaves, with a deployment's id for its newest build; the others have little. */
export async function keepSome(dataDirectory: string, shop: string, deployment: string): Promise<void> {
  const npm = "/root/.npm";
  const vite = "/app/node_modules/.vite";
  const step = (name: string, took: number, mounts: string[] = [], files = "") => ({
    ...{ name, cached: took === 0, took, mounts, files },
  });
  const steps = (ci: number, build: number, files: string) => [
    step("[base 2/2] WORKDIR /srv", 0),
    step("[deps 1/2] COPY package*.json ./", ci > 0 ? 120 : 0, [], ci > 0 ? files : ""),
    step("[deps 2/2] RUN --mount=type=cache,target=/root/.npm npm ci", ci, [npm]),
    step("[build 1/2] COPY . .", 240, [], files),
    step("[build 2/2] RUN --mount=type=cache,target=/app/node_modules/.vite npm run build", build, [vite]),
  ];
  await keepRepository(dataDirectory, shop, {
    mounts: [
      {
        id: npm,
        storedAt: ago(3 * day),
        stored: 14_000_000,
        directories: [
          { path: ".", bytes: 412_300_000, files: 18_204 },
          { path: "_cacache", bytes: 411_900_000, files: 18_190 },
          { path: "_cacache/content-v2", bytes: 388_100_000, files: 6_021 },
          { path: "_cacache/content-v2/sha512", bytes: 380_400_000, files: 5_870 },
          { path: "_cacache/index-v5", bytes: 23_800_000, files: 12_169 },
          { path: "_logs", bytes: 400_000, files: 14 },
        ],
      },
      {
        id: vite,
        storedAt: ago(40 * minute),
        stored: 2_600_000,
        directories: [
          { path: ".", bytes: 38_100_000, files: 912 },
          { path: "deps", bytes: 37_800_000, files: 905 },
        ],
      },
      {
        ...{ id: vite, scope: "fork-pr-11", storedAt: ago(9 * day) },
        directories: [{ path: ".", bytes: 31_000_000, files: 840 }],
      },
    ],
    layers: [{ service: "web", storedAt: ago(40 * minute), sizes: [3_400_000, 1_100_000, 700] }],
    builds: [
      { id: `${deployment}-web`, at: ago(40 * minute), took: 9_400, steps: steps(0, 8_100, "c") },
      { id: "dep8q2m4-web", at: ago(2 * day), took: 41_200, steps: steps(29_100, 8_800, "b") },
      { id: "dep8q2m4-api", at: ago(2 * day), took: 6_100, steps: steps(0, 0, "b") },
      { id: "dep7x1k9-web", at: ago(3 * day), took: 64_000, steps: steps(48_300, 11_000, "a") },
    ],
  });
  const held = (kind: "record" | "image", name: string, what: string, size: number, cost: number | null) => ({
    ...{ kind, repo: shop, name, what, size, cost, scope: "base", usedBy: [`${deployment}-web`] },
    ...{ createdAt: ago(3 * day), lastUsedAt: ago(40 * minute), inUse: kind === "image" && cost === 9_400 },
  });
  await writeEngineKept(dataDirectory, {
    at: ago(39 * minute),
    kept: [
      held("record", "k3v9x0q1m2n4", "/root/.npm", 460_000_000, 48_300),
      held("record", "p8d2s7w5z1c6", "/app/node_modules/.vite", 41_000_000, 11_000),
      held("image", "sha256:5b0c1d", "galley/shop:web-8d1f", 212_000_000, 9_400),
      held("image", "sha256:9a77e2", "galley/shop:api-03be", 187_000_000, null),
    ],
  });
  await keepRepository(dataDirectory, "github.com-acme-docs-5d1f0c2a9be1", {
    mounts: [
      {
        id: "/usr/local/bundle",
        storedAt: ago(20 * day),
        stored: 4_100_000,
        directories: [{ path: ".", bytes: 96_000_000, files: 4_410 }],
      },
    ],
    builds: [
      { id: "dep5a3b2-docs", at: ago(20 * day), took: 31_000, steps: [step("RUN bundle install", 29_000)] },
    ],
  });
  await keepRepository(dataDirectory, "github.com-acme-landing-page-with-a-long-name-90c1f7b3a2e4", {
    builds: [{ id: "dep2c9d1-web", at: ago(12 * day), took: 2_000, steps: [step("COPY . /srv", 0)] }],
  });
}

export const buildKitRecords = (shop: string): UsageTold[] => [
  {
    ...{ id: "k3v9x0q1m2n4", type: "exec.cachemount", size: 460_000_000, inUse: false },
    description: `cached mount /root/.npm from exec /bin/sh -c npm ci with id "${shop}//root/.npm"`,
  },
  {
    ...{ type: "exec.cachemount", size: 120_000_000, inUse: false },
    description: 'cached mount /go from exec /bin/sh -c go build with id "//go"',
  },
  { type: "regular", size: 2_900_000_000, inUse: false, description: "mount / from exec /bin/sh -c npm ci" },
  { type: "regular", size: 800_000_000, inUse: true, description: "pulled from node:22-slim" },
];

export const imagesTold = {
  ours: 399_000_000,
  others: 1_250_000_000,
  shared: 310_000_000,
  reclaimable: 212_000_000,
};

/** The agent says that it has removed something by itself: what kept its budget, and what made room on the disk. */
export async function tellRemovals({ id, connection }: TestAgent, shop: string): Promise<void> {
  const removed = (minutes: number, more: Pick<CacheEvent, "kind" | "what" | "scope" | "why" | "freed">) => ({
    ...{ v: 1 as const, id: randomUUID(), at: ago(minutes * minute), type: "cache.removed" as const },
    ...{ repo: shop, name: "n3x8q", ...more },
  });
  const events: CacheEvent[] = [
    removed(300, {
      ...{ kind: "mount", what: "/root/.cache/go-build", scope: "fork-pr-11", freed: 88_200_000 },
      why: "its repository keeps more than 10000000000 bytes",
    }),
    removed(41, {
      ...{ kind: "image", what: "galley/shop:web-77aa", scope: "base", freed: 190_000_000 },
      why: "all repositories keep more than 20000000000 bytes",
    }),
  ];
  await request(connection, id, "cache-notice", { v: 1, events }, noticeReply, { timeoutMs: 60_000 });
}
