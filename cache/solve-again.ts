import type {
  BuildKitClient,
  CacheEntry,
  ContentDirectory,
  ContextTree,
  SessionService,
  SolvedAgain,
  SolveStatus,
} from "../src/buildkit/index.js";
import { GalleyError } from "../src/errors/index.js";

export interface SolveAgainOptions {
  readonly client: BuildKitClient;
  /** The build's context, open for as long as this takes, and the name of what the engine keeps of it. */
  readonly tree: ContextTree;
  readonly sharedKey: string;
  /** Base images may have to be read from their registry. */
  readonly auth: SessionService;
  readonly stores: Readonly<Record<string, ContentDirectory>>;
  /** What the build was given: an engine need not have read all of it. */
  readonly imported: readonly CacheEntry[];
  readonly to: CacheEntry;
  readonly signal: AbortSignal;
}

/**
 * Solves the graph of a build that has just ended once more and exports its cache. Every step is cached; one that would have to run ends
 * it: then the engine has forgotten the build already.
 *
 * @returns the exporter's answer
 * @throws GalleyError conflict, BuildKitError
 */
export async function solveAgain(
  { definition, runs, contexts }: SolvedAgain,
  { client, tree, sharedKey, auth, stores, imported, to, signal }: SolveAgainOptions,
): Promise<Readonly<Record<string, string>>> {
  const stop = new AbortController();
  try {
    const { exporterResponse } = await client.solve({
      frontend: null,
      internal: true,
      definition,
      trees: Object.fromEntries(contexts.map((name) => [name, tree])),
      sharedKey,
      stores,
      cacheImports: imported,
      cacheExports: [to],
      services: [auth],
      onStatus: ({ vertexes }: SolveStatus) => {
        if (
          vertexes.some(
            (step) => runs.has(step.digest) && step.started !== undefined && !step.completed && !step.cached,
          )
        )
          stop.abort(new GalleyError("conflict", "BuildKit has forgotten the build already."));
      },
      signal: AbortSignal.any([signal, stop.signal]),
    });
    return exporterResponse;
  } catch (error) {
    throw stop.signal.aborted ? stop.signal.reason : error;
  }
}
