import type { BuildGraph, BuildKitClient, CacheMountUse, GraphStep } from "../src/buildkit/index.js";
import type { CacheScope } from "./scope.js";

/** A cache mount of a build, with the steps that use it. */
export interface BuildMount {
  /** Without namespace; with what it is seeded with, which makes another mount of the same id. */
  readonly id: string;
  readonly use: CacheMountUse;
  readonly steps: readonly GraphStep[];
}

/**
 * Docker Engine 20.10 says of no record which mount it is, and holds the mounts of a process beside builds until it is restarted where whoever
 * has begun that was killed (BuildKit before 0.10.4).
 */
export function isOldEngine({ engine }: Pick<BuildKitClient, "engine">): boolean {
  return engine !== undefined && Number(engine.apiVersion.slice("1.".length)) < 42;
}

/** The mounts of a build that are kept on this engine: a locked one that an old engine goes on holding no build could have any more. */
export function keptMounts(
  graph: BuildGraph,
  scope: CacheScope,
  client: Pick<BuildKitClient, "engine">,
): BuildMount[] {
  const mounts = buildMounts(graph, scope);
  if (!isOldEngine(client)) return mounts;
  const locked = ({ use, steps }: BuildMount) =>
    steps.some(({ caches }) => caches.some(({ id, sharing }) => id === use.id && sharing === "locked"));
  return mounts.filter((mount) => !locked(mount));
}

/** The mounts of a build that can be kept: those seeded with a stage's files (`from=`) are made anew with them. */
function buildMounts(graph: BuildGraph, scope: CacheScope): BuildMount[] {
  const byDigest = new Map(graph.steps.map((step) => [step.digest, step]));
  const found = new Map<string, { use: CacheMountUse; steps: GraphStep[] }>();
  for (const step of graph.steps)
    for (const use of step.caches) {
      const id = mountId(use, byDigest, scope);
      if (id === undefined) continue;
      const known = found.get(id) ?? { use, steps: [] };
      known.steps.push(step);
      found.set(id, known);
    }
  return [...found].map(([id, { use, steps }]) => ({ id, use, steps }));
}

export const withoutNamespace = (id: string, { namespace }: CacheScope): string =>
  id.startsWith(`${namespace}/`) ? id.slice(namespace.length + 1) : id;

function mountId(
  use: CacheMountUse,
  byDigest: ReadonlyMap<string, GraphStep>,
  scope: CacheScope,
): string | undefined {
  const id = withoutNamespace(use.id, scope);
  if (use.seed === undefined) return id;
  // `uid=`, `gid=` and `mode=` are a folder made on nothing.
  const seed = byDigest.get(use.seed.digest);
  if (seed?.kind !== "file" || seed.inputs.length > 0) return undefined;
  return `${id}#${seed.own.slice("sha256:".length, "sha256:".length + 12)}:${use.seed.selector}`;
}
