import { createHash } from "node:crypto";
import type { BuildGraph, SolveOptions } from "../src/buildkit/index.js";
import { GalleyError } from "../src/errors/index.js";

/** Whose caches a build uses. */
export interface CacheScope {
  readonly repoKey: string;
  /** Namespace of its cache mounts in BuildKit: what has another one is never seen. */
  readonly namespace: string;
  /** Where it keeps what it stores: a directory's name. */
  readonly own: string;
  /** Where it looks for what is stored, the first one first. `own` is among them; it writes to no other. */
  readonly readsFrom: readonly string[];
  /** The same for layers, of which each pull request keeps its own: they are those of its commit. */
  readonly layers: { readonly own: string; readonly readsFrom: readonly string[] };
  /** The same for a registry, to which no fork writes: nobody collects what is there, and others read it. `own` undefined: nothing is written. */
  readonly registry: { readonly own: string | undefined; readonly readsFrom: readonly string[] };
  /** What the frontend has to be given; last, so that nothing else has a say in it. */
  readonly buildArgs: Readonly<Record<string, string>>;
  /** For the solve: whose results its steps may take, and give. */
  readonly hostNames: NonNullable<SolveOptions["hostNames"]>;
}

const base = "base";

/** Whether the name of a scope is that of a fork. */
export const isForkScope = (name: string): boolean => name.startsWith("fork-");

/**
 * Builds of a repository share its cache mounts. Code that comes from a fork reads what the repository has stored, and writes where no other
 * pull request looks: what it leaves behind is never run by anybody else.
 *
 * @param build `pr`: the number of the pull request, null for a branch; `ref`: what was deployed instead; `fork`: its head is in another
 *   repository
 */
export function cacheScope(build: {
  readonly repoKey: string;
  readonly pr: number | null;
  readonly ref?: string;
  readonly fork: boolean;
}): CacheScope {
  const { repoKey, pr, ref = "", fork } = build;
  const of = (own: string) => ({ own, readsFrom: own === base ? [base] : [own, base] });
  const buildArgs = (namespace: string) => ({
    BUILDKIT_CACHE_MOUNT_NS: namespace,
    BUILDKIT_SANDBOX_HOSTNAME: hostName(repoKey),
  });
  if (!fork) {
    const layers = of(pr === null ? base : `pr-${pr}`);
    const hostNames = hostNamesOf(repoKey);
    return {
      ...{ repoKey, namespace: repoKey, ...of(base), layers, registry: layers },
      ...{ buildArgs: buildArgs(repoKey), hostNames },
    };
  }
  const own = `fork-${pr === null ? `ref-${digest(ref)}` : `pr-${pr}`}`;
  // No repository key has this character, so that no repository can be given the namespace of another one's fork.
  const namespace = `${repoKey}~${own}`;
  const hostNames = hostNamesOf(namespace);
  const registry = { own: undefined, readsFrom: [base] };
  return {
    ...{ repoKey, namespace, ...of(own), layers: of(own), registry },
    ...{ buildArgs: buildArgs(namespace), hostNames },
  };
}

/**
 * BuildKit from 0.13 on leaves the mounts' namespace out of a step's key (run on 26 and 28), and everyone leaves out the values of secrets. What a
 * step made of a mount that somebody has filled with something bad would be the result of everybody's step with the same command, files and
 * base. The host name is in the key on all of them. Steps without such mounts have the repository's, whoever builds them: they make the same
 * for all, and a fork could not use the base's layers otherwise. Those with them have one of their namespace.
 */
function hostNamesOf(namespace: string): CacheScope["hostNames"] {
  const name = hostName(namespace);
  return {
    of: ({ caches, confidential }) => (caches.length > 0 || confidential ? name : undefined),
    otherwise: name,
  };
}

const hostName = (namespace: string): string => `build-${digest(namespace)}`;

const digest = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 12);

/** The repository and scope of a namespace; undefined for what is none. */
export function ownerOf(namespace: string): { readonly repo: string; readonly scope: string } | undefined {
  const [, repo, scope = base] = /^([a-z0-9][a-z0-9._-]*)(?:~([a-z0-9-]+))?$/.exec(namespace) ?? [];
  return repo === undefined ? undefined : { repo, scope };
}

/** Builds of these namespaces may use what a scope of a repository keeps: its own, and every fork's reads the base. */
export function inUse(namespaces: readonly string[], repoKey: string, scope: string): boolean {
  const own = scope === "base" ? repoKey : `${repoKey}~${scope}`;
  return namespaces.some(
    (namespace) => namespace === own || (scope === "base" && namespace.startsWith(`${repoKey}~`)),
  );
}

/**
 * Holds a build to its own namespace. The Dockerfile frontend puts it before every id; another frontend (`# syntax=`) can ask for any.
 *
 * @throws GalleyError forbidden
 */
export function requireOwnMounts(graph: BuildGraph, { namespace }: CacheScope): void {
  for (const { name, caches } of graph.steps) {
    const foreign = caches.find(({ id }) => !id.startsWith(`${namespace}/`));
    if (foreign === undefined) continue;
    throw new GalleyError(
      "forbidden",
      `A step wants the cache mount ${JSON.stringify(foreign.id)}, which belongs to nobody or to another repository: ${name}`,
      { hint: "Use docker/dockerfile in the `# syntax=` line, or none." },
    );
  }
}
