import { Breath } from "../fsutil/breath.js";
import { globMatches, parseGlob } from "./glob.js";
import { cleanPath, joinPath, parentPath } from "./text.js";

/** What following links needs to know of a tree. Paths are clean, relative to the root and contain no link themselves. */
export interface LinkLookup {
  /** The target of a symlink; undefined for anything else and for what is not there. */
  readLink(path: string): string | undefined;
  /** The names in a directory; undefined when there is none. "." is the root. */
  names(path: string): readonly string[] | undefined;
}

/** Links that lead into each other: with so many paths that nobody asked for, or so long a path, it is on purpose. */
const mostDetours = 10_000;
const longestPath = 4096;

/**
 * Expands the paths that COPY and ADD want into include patterns, as fsutil does: links on the way are followed, inside the
 * root only (an absolute target starts there), and both the link and what it points to are wanted. Wildcards are tried
 * against links and otherwise stay what they are. Undefined: the root itself is wanted, so there is nothing to restrict.
 *
 * Unlike fsutil a link is followed again for every path that goes through it: `COPY link/a link/b` gets both.
 */
export async function followLinks(
  lookup: LinkLookup,
  paths: readonly string[],
): Promise<string[] | undefined> {
  const wanted = new Set<string>();
  const followed = new Set<string>();
  // Depth first and in order, without recursion: chains of links are as long as someone made them.
  const open = paths.map(relative).reverse();
  const breath = new Breath();
  for (let step = 0; step < mostDetours + paths.length; step++) {
    const path = open.pop();
    if (path === undefined) break;
    await breath.taken();
    if (path.length > longestPath || followed.has(path)) continue;
    followed.add(path);
    const { reached, onward } = follow(lookup, path);
    wanted.add(reached);
    open.push(...onward.map(relative).reverse());
  }
  return dropNested([...wanted].sort(byBytes));
}

/** Goes up to the first link, or to the end; `onward` are the paths to follow instead of the rest. */
function follow(lookup: LinkLookup, path: string): { reached: string; onward: string[] } {
  const parts = path.split("/");
  for (let depth = 1; depth < parts.length; depth++) {
    const reached = parts.slice(0, depth).join("/");
    const targets = linkTargets(lookup, reached);
    if (targets === undefined) continue;
    const rest = parts.slice(depth).join("/");
    return { reached, onward: targets.map((target) => joinPath(target, rest)) };
  }
  return { reached: path, onward: linkTargets(lookup, path) ?? [] };
}

/** Where the links lead that a path names, which may be a wildcard; undefined when it names none. */
function linkTargets(lookup: LinkLookup, path: string): string[] | undefined {
  if (path === "." || path === ".." || path.startsWith("../")) return undefined;
  const slash = path.lastIndexOf("/");
  const directory = slash < 0 ? "." : path.slice(0, slash);
  const name = path.slice(slash + 1);
  let candidates = [name];
  if (hasWildcard(name)) {
    const names = lookup.names(directory);
    if (names === undefined) return undefined;
    candidates = matching(name, names);
  }
  const targets: string[] = [];
  for (const candidate of candidates) {
    const link = lookup.readLink(joinPath(directory, candidate));
    if (link === undefined) continue;
    const target = cleanPath(link);
    // Joined below "/", so that no number of ".." leads out.
    targets.push(target.startsWith("/") ? target : joinPath("/", joinPath(parentPath(path), target)));
  }
  return targets.length === 0 ? undefined : targets;
}

/** A broken glob matches nothing here, as in fsutil; the patterns say so later. */
function matching(pattern: string, names: readonly string[]): string[] {
  try {
    const glob = parseGlob(pattern);
    return names.filter((name) => globMatches(glob, name));
  } catch {
    return [];
  }
}

function relative(path: string): string {
  return cleanPath(`./${path}`);
}

function hasWildcard(name: string): boolean {
  return /^(?:[^\\*?[]|\\.)*[*?[]/s.test(name);
}

/** Drops what lies below an entry before it; undefined when the root is among them. */
export function dropNested(paths: readonly string[]): string[] | undefined {
  const kept: string[] = [];
  let last = "";
  for (const path of paths) {
    if (path === ".") return undefined;
    if (path.startsWith(`${last}/`)) continue;
    kept.push(path);
    last = path;
  }
  return kept;
}

function byBytes(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}
