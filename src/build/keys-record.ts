import type { ContextTree, SolveStatus } from "../buildkit/index.js";
import { canonicalName } from "../docker/index.js";

/** What a build turned out to take in, written down while it runs. */
export interface BuildRecord {
  /** The tree, to be served in its place. */
  readonly tree: ContextTree;
  /** To be given every status message. */
  status(status: SolveStatus): void;
  /** Paths of the context that were followed; `all` when it was wanted without restriction. */
  asked(): readonly string[] | "all";
  /** Images that were looked up, in canonical form. */
  images(): ReadonlySet<string>;
}

/**
 * The daemon asks for the files that COPY, ADD and mounts take as `followPaths`; for Dockerfile and ignore file by name, as
 * includes. It names the images in the steps that load their metadata (BuildKit: frontend/dockerfile/dockerfile2llb).
 */
export function recordBuild(tree: ContextTree, dockerfile: string): BuildRecord {
  const folder = dockerfile.includes("/") ? dockerfile.slice(0, dockerfile.lastIndexOf("/") + 1) : "";
  // Part of every key, and asked for by every build; in small letters where there is no `Dockerfile`.
  const own = [dockerfile, `${folder}dockerfile`].flatMap((name) => [name, `${name}.dockerignore`]);
  const buildFiles = new Set([...own, ".dockerignore"]);
  const asked = new Set<string>();
  const images = new Set<string>();
  let all = false;
  return {
    tree: {
      ...tree,
      entries(filter, signal) {
        const { followPaths, includePatterns } = filter;
        if (followPaths.length === 0 && includePatterns.length === 0) all = true;
        for (const path of followPaths) if (!buildFiles.has(path.replace(/^\/+/, ""))) asked.add(path);
        return tree.entries(filter, signal);
      },
    },
    status(status) {
      for (const { name } of status.vertexes ?? []) {
        const [, image] = /^\[internal\] load metadata for (\S+)$/.exec(name) ?? [];
        if (image) images.add(canonical(image));
      }
    },
    asked: () => (all ? "all" : [...asked]),
    images: () => images,
  };
}

function canonical(image: string): string {
  try {
    return canonicalName(image);
  } catch {
    return image;
  }
}
