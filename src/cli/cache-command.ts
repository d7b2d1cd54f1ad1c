import { type Command, Option } from "commander";
import type { CacheFlags } from "./cache-source.js";
import { collect } from "./flags/collect.js";
import type { CacheMoveFlags } from "./run-cache-move.js";
import type { CachePruneFlags } from "./run-cache-upkeep.js";

const json = () => new Option("--json", "one JSON document instead of the table; sizes are bytes");
const directory = () =>
  new Option(
    "--data-dir <path>",
    "the agent's data directory (default: GALLEY_DATA_DIR, else /var/lib/galley)",
  );
const agent = () =>
  new Option("--agent <name>", "ask this agent, through the server that you are signed in to");
const server = () => new Option("--server <url>", "ask through this server; its only agent, without --agent");
const codes = "\nExit codes: 0 done, 1 not there or damaged, 2 wrong usage, 130 interrupted.";

export function registerCache(program: Command): void {
  const cache = program
    .command("cache")
    .summary("look into what is kept for repositories, and drop it")
    .description(
      "What an agent keeps in its data directory: stored cache mounts, layers and records of builds. Looks at this machine, in the agent's container too; with --agent or --server it asks an agent from afar, and the answers are the same. REPO is a repository's key, as `ls` shows it.",
    )
    .addHelpText(
      "after",
      `
Examples:
  docker compose exec galley-agent galley cache ls
  galley cache ls --agent build-1
  galley cache show github.com-acme-shop-0123456789ab --agent build-1
  GALLEY_TOKEN=galley_pat_… galley cache du --server https://galley.example.org --json

Reading takes a token with the scope read; prune and verify one with the scope admin.`,
    );
  const add = (name: string, summary: string) =>
    cache
      .command(name)
      .summary(summary)
      .addOption(directory())
      .addOption(agent())
      .addOption(server())
      .addOption(json());

  add("ls", "list the repositories that something is kept for")
    .addHelpText("after", codes)
    .action(async (flags: CacheFlags) => {
      const { runCacheLs } = await import("./run-cache.js");
      process.exitCode = await runCacheLs(flags, process);
    });

  add("show", "show what is kept for a repository, and the builds that used it")
    .argument("<repo>")
    .addHelpText("after", codes)
    .action(async (repo: string, flags: CacheFlags) => {
      const { runCacheShow } = await import("./run-cache.js");
      process.exitCode = await runCacheShow(repo, flags, process);
    });

  add(
    "inspect",
    "show something that is kept: of a stored cache mount what is in it, of layers what they are made of, the largest first",
  )
    .argument("<repo>")
    .argument(
      "<entry>",
      "name or id of a mount, a record, a context, an image or a service's layers, as `show` says them",
    )
    .addHelpText("after", codes)
    .action(async (repo: string, mount: string, flags: CacheFlags) => {
      const { runCacheInspect } = await import("./run-cache.js");
      process.exitCode = await runCacheInspect(repo, mount, flags, process);
    });

  add("explain", "say which steps of a build were cached, which were not, and what had changed")
    .argument("<build>", "a build of `show`: DEPLOYMENT-SERVICE")
    .addHelpText("after", codes)
    .action(async (build: string, flags: CacheFlags) => {
      const { runCacheExplain } = await import("./run-cache.js");
      process.exitCode = await runCacheExplain(build, flags, process);
    });

  add("du", "sum up what is stored, and what BuildKit holds")
    .option("--builder <address>", "another BuildKit, as with `galley build`")
    .addHelpText("after", codes)
    .action(async (flags: CacheFlags) => {
      const { runCacheDu } = await import("./run-cache-upkeep.js");
      process.exitCode = await runCacheDu(flags, process);
    });

  add("prune", "remove what is stored, or what the flags name")
    .argument("[repo]", "of this repository alone")
    .option("--older <time>", "only what was not used for so long, such as 12h or 7d")
    .option("--keep <size>", "only what was used longest ago, until so much is left, such as 2g")
    .option(
      "--kind <kind>",
      "only mount, layers, record (BuildKit's cache mounts of ours), context (its copies of our contexts) or image (kept for the next build); repeatable; default: mount and layers",
      collect,
      [],
    )
    .option("--dry-run", "only say what would be removed")
    .addHelpText(
      "after",
      `
Examples:
  galley cache prune --older 7d
  galley cache prune --older 7d --dry-run --agent build-1
  galley cache prune --kind record --kind image --agent build-1
  galley cache prune github.com-acme-shop-0123456789ab --keep 500m
${codes}`,
    )
    .action(async (repo: string | undefined, flags: CachePruneFlags) => {
      const { runCachePrune } = await import("./run-cache-upkeep.js");
      process.exitCode = await runCachePrune(repo, flags, process);
    });

  add("verify", "read all that is stored; what is damaged is removed, and stored anew by the next build")
    .addHelpText("after", codes)
    .action(async (flags: CacheFlags) => {
      const { runCacheVerify } = await import("./run-cache-upkeep.js");
      process.exitCode = await runCacheVerify(flags, process);
    });

  const here = (name: string, summary: string) =>
    cache.command(name).summary(summary).addOption(directory()).addOption(json());

  here("export", "write what is stored for a repository into one file, for another host")
    .argument("<repo>")
    .argument("<file>", "a tar; it gets its name when it is whole")
    .addHelpText(
      "after",
      `
Cache mounts, layers and records of builds are in it, the git mirror is not. Builds go on meanwhile.
${codes}`,
    )
    .action(async (repo: string, file: string, flags: CacheMoveFlags) => {
      const { runCacheExport } = await import("./run-cache-move.js");
      process.exitCode = await runCacheExport(repo, file, flags, process);
    });

  here("import", "take in a file of `export`; what is stored here and newer stays")
    .argument("<file>")
    .addHelpText(
      "after",
      `
Every content is checked against its digest, but what it is the result of is taken on trust: import files of hosts that you trust.
${codes}`,
    )
    .action(async (file: string, flags: CacheMoveFlags) => {
      const { runCacheImport } = await import("./run-cache-move.js");
      process.exitCode = await runCacheImport(file, flags, process);
    });
}
