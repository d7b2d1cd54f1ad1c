import type { ServiceBuild } from "../manifest/index.js";

/** A path of the repository that enters a build. */
export interface ContextPath {
  readonly path: string;
  /** As git writes it. */
  readonly mode: string;
  readonly id: string;
}

/** Paths of the repository to be looked up for a build's narrow key. */
export interface WantedPaths {
  /** What COPY and its like take: each has to be there. */
  readonly taken: readonly string[];
  /** What decides how they are taken, where it is there: the Dockerfile, ignore files, attributes. */
  readonly about: readonly string[];
}

/** More than this are a Dockerfile that is better judged by its whole context. */
const mostPaths = 200;

/** Undefined where the build takes all of its context, or so much that nothing is gained. */
export function wantedPaths(build: ServiceBuild, paths: readonly string[] | "all"): WantedPaths | undefined {
  if (paths === "all" || paths.length > mostPaths) return undefined;
  const taken = paths.map((path) => join(build.path, path));
  const about = new Set<string>();
  for (const path of [...taken, join(build.path, build.dockerfile)]) {
    for (const directory of parents(path)) about.add(join(directory, ".gitattributes"));
  }
  about.add(join(build.path, build.dockerfile));
  about.add(join(build.path, `${build.dockerfile}.dockerignore`));
  about.add(join(build.path, ".dockerignore"));
  return { taken, about: [...about] };
}

const link = "120000";

/**
 * What was found of them, for the key. Undefined where a taken path is a link or is not there: what BuildKit then takes lies
 * elsewhere.
 */
export function foundPaths(
  wanted: WantedPaths,
  found: ReadonlyMap<string, { readonly mode: string; readonly id: string }>,
): readonly ContextPath[] | undefined {
  const paths: ContextPath[] = [];
  for (const path of [...wanted.taken, ...wanted.about]) {
    const entry = found.get(path);
    if (entry) paths.push({ path, mode: entry.mode, id: entry.id });
    else if (wanted.taken.includes(path)) return undefined;
    if (entry?.mode === link) return undefined;
  }
  return paths;
}

/**
 * Whether what the daemon asked for lies within what the key was made of. Triggers of base images, or a Dockerfile that was
 * understood wrongly, show here.
 *
 * @param asked paths that were followed, as the daemon wrote them; `all` when it wanted everything
 */
export function coversAsked(paths: readonly string[], asked: readonly string[] | "all"): boolean {
  if (asked === "all") return false;
  const known = paths.map((path) => join(".", path));
  return asked.every((path) => {
    const clean = join(".", literalPart(path));
    return known.some((one) => one === clean || clean.startsWith(`${one}/`));
  });
}

function literalPart(path: string): string {
  const parts = path.split("/");
  const wild = parts.findIndex((part) => /[*?[\\]/.test(part));
  return (wild < 0 ? parts : parts.slice(0, wild)).join("/");
}

/** Clean and relative; the root is empty. */
function join(directory: string, path: string): string {
  return `${directory}/${path}`
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .join("/");
}

/** Every directory above a path, the root as "". */
function parents(path: string): string[] {
  const parts = path.split("/");
  return parts.map((_, index) => parts.slice(0, index).join("/"));
}
