import { formatBytes, formatDuration } from "../buildkit/index.js";
import { ago } from "./ago.js";
import { type CacheFlags, withCache } from "./cache-source.js";
import { exitCode } from "./exit-codes.js";
import { print } from "./print.js";
import { sheet, table } from "./table.js";

/** Runs `galley cache ls` and returns the exit code. */
export function runCacheLs(flags: CacheFlags, process: NodeJS.Process): Promise<number> {
  return withCache(process, flags, async (ask) => {
    const repositories = await ask({ ask: "ls" });
    const now = Date.now();
    print(process, flags, repositories, (color) =>
      repositories.length === 0
        ? "Nothing is kept. Stored is what builds leave in cache mounts.\n"
        : table(
            [
              "REPOSITORY",
              "MOUNTS",
              "STORED",
              "LAYERS",
              "ENGINE",
              "IMAGES",
              "MIRROR",
              "BUILDS",
              "HIT RATE",
              "USED",
            ],
            repositories.map(
              ({
                repoKey,
                mounts,
                storedBytes,
                layerBytes,
                recordBytes,
                imageBytes,
                mirrorBytes,
                builds,
                hitRate,
                lastUsedAt,
              }) => [
                { text: repoKey, tone: "strong" },
                String(mounts),
                formatBytes(storedBytes),
                formatBytes(layerBytes),
                formatBytes(recordBytes),
                formatBytes(imageBytes),
                formatBytes(mirrorBytes),
                String(builds),
                hitRate === null ? "-" : `${Math.round(hitRate * 100)} %`,
                ago(lastUsedAt, now),
              ],
            ),
            color,
          ),
    );
    return exitCode.ok;
  });
}

/** Runs `galley cache show` and returns the exit code. */
export function runCacheShow(repo: string, flags: CacheFlags, process: NodeJS.Process): Promise<number> {
  return withCache(process, flags, async (ask) => {
    const kept = await ask({ ask: "show", repo });
    const now = Date.now();
    print(process, flags, kept, (color) => {
      const mounts = table(
        ["MOUNT", "ID", "SCOPE", "SIZE", "FILES", "STORED", "USED", "COST TO LOSE"],
        kept.mounts.map(({ name, id, scope, size, entries, storedAt, lastUsedAt, cost }) => [
          { text: name, tone: "strong" },
          id,
          scope,
          formatBytes(size),
          String(entries),
          ago(storedAt, now),
          ago(lastUsedAt, now),
          cost === null ? "-" : formatDuration(cost),
        ]),
        color,
      );
      const others = kept.kept.filter(({ kind }) => kind !== "mount");
      const held = table(
        ["KIND", "NAME", "WHAT", "SCOPE", "SIZE", "USED", "COST TO LOSE", ""],
        others.map(({ kind, name, what, scope, size, lastUsedAt, cost, inUse }) => [
          kind,
          { text: kind === "image" ? name.slice(0, 19) : name, tone: "strong" },
          what,
          scope,
          kind === "registry" ? "-" : formatBytes(size),
          ago(lastUsedAt, now),
          costOf(kind, cost) ?? "-",
          inUse ? "in use" : "",
        ]),
        color,
      );
      const builds = table(
        ["BUILD", "SCOPE", "STEPS", "CACHED", "TOOK", "BEGAN"],
        kept.builds.map(({ id, scope, steps, cached, took, at }) => [
          { text: id, tone: "strong" },
          scope,
          String(steps),
          String(cached),
          formatDuration(took),
          ago(at, now),
        ]),
        color,
      );
      return `${kept.mounts.length > 0 ? mounts : "No stored cache mounts.\n"}\n${others.length > 0 ? `${held}\n` : ""}${kept.builds.length > 0 ? builds : "No builds.\n"}`;
    });
    return exitCode.ok;
  });
}

/** Of a context nothing is made again: it is sent from the clone, which takes as long as it is large. */
const costOf = (kind: string, cost: number | null | undefined): string | undefined =>
  kind === "context" ? "sent again" : typeof cost === "number" ? formatDuration(cost) : undefined;

const idWords: Readonly<Record<string, string>> = {
  context: "path",
  image: "names",
  layers: "service",
  mirror: "what",
  registry: "ref",
};

/** Runs `galley cache inspect` and returns the exit code. */
export function runCacheInspect(
  repo: string,
  entry: string,
  flags: CacheFlags,
  process: NodeJS.Process,
): Promise<number> {
  return withCache(process, flags, async (ask) => {
    const found = await ask({ ask: "inspect", repo, entry });
    const {
      kind,
      content,
      layers,
      id,
      scope,
      storedAt,
      name,
      chunks,
      size,
      lastUsedAt,
      usedBy,
      cost,
      inUse,
    } = found;
    const now = Date.now();
    print(process, flags, found, (color) => {
      const about = sheet(
        [
          [kind, { text: name, tone: "strong" }],
          [idWords[kind] ?? "id", id],
          ["scope", scope],
          [content || layers ? "stored" : "made", ago(storedAt, now)],
          [
            "size",
            content
              ? `${formatBytes(content.bytes)} in ${content.entries} entries, ${chunks} chunks`
              : formatBytes(size ?? 0),
          ],
          ["last used", lastUsedAt === undefined ? "" : ago(lastUsedAt, now)],
          ["used by", usedBy?.join(", ") ?? ""],
          ["cost to lose", costOf(kind, cost) ?? ""],
          ["in use", inUse ? "yes: it stays" : ""],
        ],
        color,
      );
      if (layers) {
        const rows = layers.slice(0, 40).map(({ digest, size }) => [formatBytes(size), digest]);
        return `${about}\n${table(["SIZE", "CONTENT"], rows, color)}`;
      }
      if (!content) return about;
      const rows = content.directories
        .slice(0, 40)
        .map(({ path, bytes, files }) => [formatBytes(bytes), String(files), path]);
      return `${about}\n${table(["SIZE", "FILES", "DIRECTORY"], rows, color)}`;
    });
    return exitCode.ok;
  });
}

/** Runs `galley cache explain` and returns the exit code. */
export function runCacheExplain(build: string, flags: CacheFlags, process: NodeJS.Process): Promise<number> {
  return withCache(process, flags, async (ask) => {
    const found = await ask({ ask: "explain", build });
    const { steps, previous, repo, restored, layers, registry, took } = found;
    print(process, flags, found, (color) => {
      const about = sheet(
        [
          ["build", { text: build, tone: "strong" }],
          ["repository", repo],
          ["compared with", previous ?? "nothing: it is the first one"],
          ["filled mounts", restored.join(", ")],
          ["given layers", [...layers, ...registry].join(", ")],
          ["took", formatDuration(took)],
        ],
        color,
      );
      const rows = steps.map(({ cached, took: ms, why, because, name }) => [
        {
          text: because === null ? why : `${why}: ${because.slice(0, 60)}`,
          tone: cached ? ("good" as const) : undefined,
        },
        cached ? "-" : formatDuration(ms),
        name.slice(0, 120),
      ]);
      return `${about}\n${table(["WHY", "TOOK", "STEP"], rows, color)}`;
    });
    return exitCode.ok;
  });
}
