/** What of an index is told of many repositories at once. It stands first in the file, so that nothing else need be read for it. */
export interface IndexSums {
  readonly storedBytes: number;
  readonly mounts: number;
  readonly builds: number;
  readonly lastUsedAt: string | null;
  /** Of all builds. */
  readonly steps: number;
  readonly cached: number;
}

/** Of an index (`RepositoryIndex`). */
export function sumsOf({
  storedBytes,
  mounts,
  builds,
}: {
  readonly storedBytes: number;
  readonly mounts: readonly { readonly lastUsedAt: string }[];
  readonly builds: readonly { readonly at: string; readonly steps: number; readonly cached: number }[];
}): IndexSums {
  let lastUsedAt: string | null = null;
  for (const at of [...mounts.map((mount) => mount.lastUsedAt), ...builds.map((build) => build.at)])
    if (lastUsedAt === null || at > lastUsedAt) lastUsedAt = at;
  return {
    storedBytes,
    mounts: mounts.length,
    builds: builds.length,
    lastUsedAt,
    steps: builds.reduce((sum, build) => sum + build.steps, 0),
    cached: builds.reduce((sum, build) => sum + build.cached, 0),
  };
}

/** The beginning of the file, as `refreshIndex` writes it: nothing in the sums looks like its end. */
const head = /^{"sums":({[^{}]*}),"v":1,"repoKey":"([^"]*)"/;

/** Of the text of an index; undefined where they are not there, or are those of another repository. */
export function sumsIn(text: string, wanted: string): IndexSums | undefined {
  const [, sums, repoKey] = head.exec(text) ?? [];
  if (sums === undefined || repoKey !== wanted) return undefined;
  try {
    const value = Object(JSON.parse(sums)) as Partial<IndexSums>;
    const { storedBytes, mounts, builds, lastUsedAt, steps, cached } = value;
    const whole =
      [storedBytes, mounts, builds, steps, cached].every((one) => typeof one === "number") &&
      (lastUsedAt === null || typeof lastUsedAt === "string");
    return whole ? (value as IndexSums) : undefined;
  } catch {
    return undefined;
  }
}
