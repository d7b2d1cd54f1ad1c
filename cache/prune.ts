import { GalleyError } from "../src/errors/index.js";
import { collect } from "./collect.js";
import { forgetEngineKept } from "./engine-kept.js";
import { showRepository } from "./inspect.js";
import type { Keeper, KeptKind, Removed } from "./kept.js";
import type { Limits } from "./next-to-go.js";

export interface PruneOptions {
  readonly dataDirectory: string;
  /** Those that can be removed from here. */
  readonly keepers: readonly Keeper[];
  /** Empty: what is stored, and nothing that the engine holds. */
  readonly kinds: readonly KeptKind[];
  /** Of this repository alone. */
  readonly repoKey?: string | undefined;
  /** Only what was last used before this time, RFC 3339. */
  readonly before?: string | undefined;
  /** Bytes that may stay, used last: of the repository, or of all together. */
  readonly keep?: number | undefined;
  /** Nothing is removed; what would be is told with `freed` 0. */
  readonly dryRun: boolean;
  /** Told how many are gone so far. */
  readonly onRemoved?: (count: number) => void;
  readonly signal: AbortSignal;
}

const stored: readonly KeptKind[] = ["mount", "layers"];
/** Later than anything was used. */
const always = "9999";

/**
 * Removes what is kept: what was used before a time, then down to a size; all of it where neither is given. What is in use stays.
 *
 * @throws GalleyError not_found, invalid_request for a kind that cannot be removed from here
 */
export async function pruneKept(options: PruneOptions): Promise<Removed[]> {
  const { dataDirectory, repoKey, before, keep, dryRun, signal } = options;
  const kinds = options.kinds.length > 0 ? options.kinds : stored;
  const keepers = options.keepers.filter(({ kind }) => kinds.includes(kind));
  const missing = options.kinds.find((kind) => !keepers.some((keeper) => keeper.kind === kind));
  if (missing !== undefined)
    throw new GalleyError(
      "invalid_request",
      `What is kept of the kind ${missing} cannot be removed from here.`,
      {
        hint: "Ask the agent: `galley cache prune --agent NAME`.",
      },
    );
  if (repoKey !== undefined) await showRepository(dataDirectory, repoKey);
  const everything = before === undefined && keep === undefined;
  const none = Number.POSITIVE_INFINITY;
  const limits: Limits = {
    budget: repoKey === undefined ? (keep ?? none) : none,
    share: repoKey === undefined ? none : (keep ?? none),
    before: everything ? always : before,
  };
  let gone = 0;
  const { removed } = await collect({
    ...limits,
    onRemoved: () => options.onRemoved?.(++gone),
    keepers: dryRun ? keepers.map(pretending) : keepers,
    only: repoKey,
    signal,
  });
  if (!dryRun && removed.length > 0) await forgetEngineKept(dataDirectory, removed);
  return removed.map((one) => ({
    ...one,
    ...(everything ? { why: "asked for" } : {}),
    ...(dryRun ? { freed: 0 } : {}),
  }));
}

const pretending = (keeper: Keeper): Keeper => ({ ...keeper, remove: async ({ size }) => size });
