import type { BuildGraph, BuildKitClient } from "../src/buildkit/index.js";

/**
 * The records of a build's results, with those of builds beside it. None where a step's result came from stored layers: the engine
 * keeps what it was given, but finds it for nothing else than the very same build.
 *
 * @param began milliseconds since 1970, before the build
 */
export async function recordsOf(
  client: BuildKitClient,
  graph: BuildGraph,
  began: number,
  signal: AbortSignal,
): Promise<string[]> {
  const all = await client.diskUsage({ filter: ["type==regular"], signal });
  const used = all.filter(({ lastUsedAt }) => lastUsedAt && Date.parse(lastUsedAt) >= began);
  // BuildKit describes the result of a command by it, and others by the step's name.
  const ofSteps = graph.steps
    .filter(({ kind }) => kind === "exec" || kind === "file")
    .map(({ kind, args, name }) => {
      const what = kind === "exec" ? args.join(" ") : name;
      return {
        kind,
        found: used.filter(({ description }) => description.includes(what)).map(({ id }) => id),
      };
    });
  const known = ofSteps.every(({ kind, found }) => kind === "file" || found.length > 0);
  return known ? [...new Set(ofSteps.flatMap(({ found }) => found))] : [];
}

/**
 * Of these, what an engine does not have all records of: those that are not known count as lost.
 *
 * @param forgotten what was stored before then is lost in any case (`forgotten.ts`)
 */
export async function lostOnes<
  One extends { readonly records: readonly string[]; readonly storedAt: string },
>(
  all: readonly One[],
  forgotten: string | undefined,
  client: BuildKitClient,
  signal: AbortSignal,
): Promise<One[]> {
  const isForgotten = ({ storedAt }: One) => forgotten !== undefined && storedAt <= forgotten;
  const stored = all.filter((one) => !isForgotten(one));
  const wanted = [...new Set(stored.flatMap(({ records }) => records))];
  // Asked for by name: BuildKit then weighs no others.
  const filter = wanted.map((id) => `id==${id}`);
  const there = new Set(
    wanted.length > 0 ? (await client.diskUsage({ filter, signal })).map(({ id }) => id) : [],
  );
  const isThere = (one: One) => !isForgotten(one) && one.records.length > 0;
  return all.filter((one) => !isThere(one) || !one.records.every((id) => there.has(id)));
}

export const sameKeys = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((key) => b.includes(key));
