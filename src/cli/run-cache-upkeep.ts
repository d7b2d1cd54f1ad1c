import {
  engineUsage,
  listRepositories,
  pruneStored,
  type Verified,
  verifyStored,
} from "../../cache/index.js";
import { BuildKitClient, formatBytes } from "../buildkit/index.js";
import { exitCode } from "./exit-codes.js";
import { parseBytes } from "./flags/values.js";
import { print } from "./print.js";
import { type CacheFlags, type CachePruneFlags, dataDirectoryOf } from "./run-cache.js";
import { sheet, table } from "./table.js";
import { usageError } from "./usage-error.js";
import { interruptible } from "./with-server.js";

/** Runs `galley cache du` and returns the exit code. */
export function runCacheDu(
  flags: CacheFlags & { builder?: string },
  process: NodeJS.Process,
): Promise<number> {
  return interruptible(process, flags, async (signal) => {
    const repositories = await listRepositories(dataDirectoryOf(flags, process));
    const stored = repositories.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
    const mirrors = repositories.reduce((sum, { mirrorBytes }) => sum + mirrorBytes, 0);
    const client = await BuildKitClient.connect(flags.builder, { env: process.env, signal });
    try {
      const records = await client.diskUsage({ signal });
      const engine = engineUsage(
        records,
        repositories.map(({ repoKey }) => repoKey),
      );
      print(process, flags, { stored, mirrors, engine }, (color) =>
        sheet(
          [
            ["stored cache mounts", formatBytes(stored)],
            ["mirrors", formatBytes(mirrors)],
            [
              "BuildKit: our cache mounts",
              engine.ourMounts === null
                ? "this engine does not say whose they are (Docker Engine 23 or newer does)"
                : formatBytes(engine.ourMounts),
            ],
            ["BuildKit: other cache mounts", formatBytes(engine.otherMounts)],
            ["BuildKit: steps and contexts", formatBytes(engine.shared)],
            ["BuildKit: all", formatBytes(engine.total)],
            ["BuildKit: reclaimable", formatBytes(engine.reclaimable)],
          ],
          color,
        ),
      );
    } finally {
      client.close();
    }
    return exitCode.ok;
  });
}

/** Runs `galley cache prune` and returns the exit code. */
export function runCachePrune(
  repo: string | undefined,
  flags: CachePruneFlags,
  process: NodeJS.Process,
): Promise<number> {
  return interruptible(process, flags, async (signal) => {
    const before =
      flags.older === undefined ? undefined : new Date(Date.now() - spanOf(flags.older)).toISOString();
    const keep = flags.keep === undefined ? undefined : parseBytes(flags.keep, "--keep");
    const dryRun = flags.dryRun === true;
    if (dryRun && keep !== undefined)
      throw usageError("--dry-run cannot tell what --keep would remove", "Leave one of them away.");
    const dataDirectory = dataDirectoryOf(flags, process);
    const removed = await pruneStored({ dataDirectory, repoKey: repo, before, keep, dryRun, signal });
    const freed = removed.reduce((sum, one) => sum + one.freed, 0);
    print(process, flags, { dryRun, freed, removed }, (color) =>
      removed.length === 0
        ? "Nothing to remove.\n"
        : `${table(
            ["REPOSITORY", "MOUNT", "SCOPE", "WHY", "FREED"],
            removed.map((one) => [
              one.repo,
              one.mount,
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
  return interruptible(process, flags, async (signal) => {
    const seen: Verified[] = [];
    await verifyStored(dataDirectoryOf(flags, process), signal, (one) => {
      seen.push(one);
      if (process.stderr.isTTY) process.stderr.write(`\r${seen.length} mounts read`);
    });
    if (process.stderr.isTTY) process.stderr.write("\r\u001b[K");
    const damaged = seen.filter(({ sound }) => !sound);
    print(process, flags, { mounts: seen.length, damaged }, (color) =>
      damaged.length === 0
        ? `${seen.length} stored mounts are sound.\n`
        : `${table(
            ["REPOSITORY", "MOUNT", "SCOPE"],
            damaged.map(({ repo, mount, scope }) => [repo, mount, scope]),
            color,
          )}These were damaged, and are removed; the next build stores them anew.\n`,
    );
    return damaged.length === 0 ? exitCode.ok : exitCode.failed;
  });
}

const spans: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of `30m`, `12h`, `7d`. */
function spanOf(text: string): number {
  const [, number, unit = ""] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  if (number === undefined)
    throw usageError(`--older ${text} is no time`, "Times are such as 30m, 12h or 7d.");
  return Number(number) * (spans[unit] ?? 0);
}
