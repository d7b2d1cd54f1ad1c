import type { BuildGraph, UsageRecord } from "../src/buildkit/index.js";
import { type CacheScope, ownerOf } from "./scope.js";

/** Whose build context a record of BuildKit is. Undefined for other records. */
export interface ContextRecord {
  readonly repo: string;
  /** Name of the scope. */
  readonly scope: string;
  /** In the repository; `.` for all of it. */
  readonly path: string;
}

const prefix = "galley/";

/**
 * What BuildKit is to call the context of a build, for the solve: that is all that its record of it says. The namespace, which no manifest can
 * choose, stands before the path.
 */
export function contextName({ namespace }: Pick<CacheScope, "namespace">, path: string): string {
  const folders = path.split("/").filter((folder) => folder !== "" && folder !== ".");
  // By way of bytes: what is no text could not be put into a header.
  const encoded = folders.map((folder) => encodeURIComponent(Buffer.from(folder).toString()));
  return [`${prefix}${namespace}`, "context", ...encoded].join("/");
}

/** The contexts that a build has used, by their paths; none where BuildKit knows them by no name of ours. */
export function contextsOf({ steps }: BuildGraph, { namespace }: CacheScope): string[] {
  const paths = steps.flatMap(({ context }) => {
    const found = context === undefined ? undefined : parseName(context);
    return found?.namespace === namespace ? [found.path] : [];
  });
  return [...new Set(paths)];
}

/** Described as `local source for NAME`. */
export function contextRecord({ type, description }: UsageRecord): ContextRecord | undefined {
  const [, name] = /^local source for (.*)$/s.exec(description) ?? [];
  const found = type === "source.local" && name !== undefined ? parseName(name) : undefined;
  const owner = found && ownerOf(found.namespace);
  return owner && { ...owner, path: found.path };
}

function parseName(name: string): { namespace: string; path: string } | undefined {
  const [, namespace, path = ""] = /^galley\/([^/]+)\/context(?:\/(.+))?$/s.exec(name) ?? [];
  if (namespace === undefined) return undefined;
  try {
    return { namespace, path: decodeURIComponent(path) || "." };
  } catch {
    return undefined;
  }
}

/** Matches the records of contexts of these repositories, and possibly others. Undefined for none: no filter would mean everything. */
export function contextRecordsFilter(repoKeys: readonly string[]): string | undefined {
  if (repoKeys.length === 0) return undefined;
  const keys = repoKeys.map((key) => key.replaceAll(".", "\\.")).join("|");
  return `type==source.local,description~=${JSON.stringify(`^local source for ${prefix}(${keys})[/~]`)}`;
}
