import { formatBytes } from "../buildkit/index.js";
import { type CacheAnswer, type CacheKind, cacheKind } from "../cache-api/index.js";
import { ago } from "./ago.js";
import { type CacheFlags, withCache } from "./cache-source.js";
import { exitCode } from "./exit-codes.js";
import { parseBytes } from "./flags/values.js";
import { print } from "./print.js";
import { sheet, table } from "./table.js";
import { usageError } from "./usage-error.js";

export interface CachePruneFlags extends CacheFlags {
  readonly older?: string;
  readonly keep?: string;
  readonly kind?: readonly string[];
  readonly dryRun?: boolean;
}

const ofLayers = {
  stored: "",
  read: "; this engine reads them, and stores none (the containerd image store does)",
  none: "; this engine neither stores nor reads them (Docker Engine 24 or newer reads)",
};

function inRegistry(
  { services, inline, lastAt }: NonNullable<CacheAnswer<"du">["registry"]>,
  now: number,
): string {
  const some = inline === services ? "" : `${inline} of them `;
  const how =
    inline === 0 ? "" : `, ${some}as part of their images: this engine exports no other cache there`;
  return `of ${services} services and scopes, the last ${ago(lastAt, now)}${how}`;
}

/** Runs `galley cache du` and returns the exit code. */
export function runCacheDu(flags: CacheFlags, process: NodeJS.Process): Promise<number> {
  return withCache(process, flags, async (ask) => {
    const found = await ask({ ask: "du" });
    const { stored, layers, mirrors, budget, engine, registry, images } = found;
    print(process, flags, found, (color) =>
      sheet(
        [
          ["stored cache mounts", formatBytes(stored)],
          ["stored layers", `${formatBytes(layers)}${engine.layers === null ? "" : ofLayers[engine.layers]}`],
          ["layers in a registry", registry === null ? "" : inRegistry(registry, Date.now())],
          ["budget", budget === null ? "" : formatBytes(budget.all)],
          ["mirrors", formatBytes(mirrors)],
          [
            "BuildKit: our cache mounts",
            engine.ourMounts === null
              ? "this engine does not say whose they are (Docker Engine 23 or newer does)"
              : formatBytes(engine.ourMounts),
          ],
          ["BuildKit: other cache mounts", formatBytes(engine.otherMounts)],
          ["BuildKit: our contexts", formatBytes(engine.ourContexts)],
          ["BuildKit: steps and other contexts", formatBytes(engine.shared)],
          ["BuildKit: all", formatBytes(engine.total)],
          ["BuildKit: reclaimable", formatBytes(engine.reclaimable)],
          ...(images === null
            ? []
            : ([
                ["images: ours", formatBytes(images.ours)],
                ["images: others", formatBytes(images.others)],
                ["images: shared layers", `at least ${formatBytes(images.shared)}`],
                ["images: reclaimable", formatBytes(images.reclaimable)],
              ] as const)),
        ],
        color,
      ),
    );
    return exitCode.ok;
  });
}

/** Runs `galley cache prune` and returns the exit code. */
export function runCachePrune(
  repo: string | undefined,
  flags: CachePruneFlags,
  process: NodeJS.Process,
): Promise<number> {
  return withCache(process, flags, async (ask) => {
    const older = flags.older === undefined ? null : secondsOf(flags.older);
    const keep = flags.keep === undefined ? null : parseBytes(flags.keep, "--keep");
    const dryRun = flags.dryRun === true;
    const kinds = (flags.kind ?? []).map(kindOf);
    const found = await ask({ ask: "prune", repo: repo ?? null, older, keep, kinds, dryRun });
    const { removed, freed } = found;
    print(process, flags, found, (color) =>
      removed.length === 0
        ? "Nothing to remove.\n"
        : `${table(
            ["REPOSITORY", "KIND", "WHAT", "SCOPE", "WHY", "FREED"],
            removed.map((one) => [
              one.repo,
              one.kind,
              one.what,
              one.scope,
              one.why,
              dryRun ? "-" : formatBytes(one.freed),
            ]),
            color,
          )}${dryRun ? "Nothing was removed.\n" : `Freed ${formatBytes(freed)}.\n`}`,
    );
    return exitCode.ok;
  });
}

/** Runs `galley cache verify` and returns the exit code. */
export function runCacheVerify(flags: CacheFlags, process: NodeJS.Process): Promise<number> {
  return withCache(process, flags, async (ask) => {
    const found = await ask({ ask: "verify" });
    const { mounts, layers, damaged } = found;
    print(process, flags, found, (color) =>
      damaged.length === 0
        ? `${mounts} stored mounts and the layers of ${layers} services are sound.\n`
        : `${table(
            ["REPOSITORY", "KIND", "WHAT", "SCOPE"],
            damaged.map(({ repo, kind, mount, scope }) => [repo, kind, mount, scope]),
            color,
          )}These were damaged, and are removed; the next build stores them anew.\n`,
    );
    return damaged.length === 0 ? exitCode.ok : exitCode.failed;
  });
}

function kindOf(text: string): CacheKind {
  const found = cacheKind.safeParse(text);
  if (found.success) return found.data;
  throw usageError(`--kind ${text} is no kind`, `Kinds are ${cacheKind.options.join(", ")}.`);
}

const spans: Readonly<Record<string, number>> = { m: 60, h: 3_600, d: 86_400 };

/** Seconds of `30m`, `12h`, `7d`. */
function secondsOf(text: string): number {
  const [, number, unit = ""] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  if (number === undefined)
    throw usageError(`--older ${text} is no time`, "Times are such as 30m, 12h or 7d.");
  return Number(number) * (spans[unit] ?? 0);
}
